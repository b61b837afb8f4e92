//! The report as one HTML page that needs nothing else.

use llm_arbiter::filter::console::page::{STYLE, WIDGETS};

use super::report::Report;

/// The page.
pub fn html(report: &Report) -> String {
    // Within a script an element would end it.
    let data = serde_json::to_string(report).unwrap_or_default().replace('<', "\\u003c");
    let (skeleton, script) = (include_str!("page/report.html"), include_str!("page/report.js"));
    skeleton
        .replace("/*style*/", STYLE)
        .replace("/*widgets*/", WIDGETS)
        .replace("/*script*/", script)
        .replace("/*data*/", &data)
}
