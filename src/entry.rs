//! The wasm entry point: proxy-wasm contexts that hand host events to the filters.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel};

use crate::filter::console::ConsoleStream;
use crate::filter::plugin::Plugin;
use crate::filter::provider::ProviderStream;
use crate::filter::timed::TimedStream;
use crate::filter::{Flow, Role};
use crate::host::proxy_wasm::Proxy;
use crate::host::{CalloutId, StreamId, Streams};

/// Time between two reports of counters.
const TICK: Duration = Duration::from_millis(500);

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root { plugin: None }));
}}

/// One plugin configuration in one VM.
struct Root {
    plugin: Option<Plugin>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size)
            .ok()
            .flatten()
            .unwrap_or_default();
        let environment = |variable: &str| std::env::var(variable).ok();
        match Plugin::configure(&String::from_utf8_lossy(&text), environment, envoy_minor()) {
            Ok(plugin) => {
                if let (Plugin::Router(_) | Plugin::Console(_), Err(status)) =
                    (&plugin, hostcalls::set_tick_period(TICK))
                {
                    log::error!(
                        "LLM Arbiter gets no ticks, so its counters stay empty: status {}",
                        status as u32
                    );
                }
                self.plugin = Some(plugin);
                true
            }
            Err(error) => {
                log::error!("LLM Arbiter refuses its configuration: {error}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        match &self.plugin {
            Some(Plugin::Router(router)) => {
                router.report(&Proxy);
                router.release_overdue(&Proxy);
            }
            Some(Plugin::Console(console)) => console.report(&Proxy),
            Some(Plugin::Provider(_)) | None => {}
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match self.plugin.as_ref()? {
            Plugin::Router(router) => {
                Box::new(RoleContext(TimedStream::new(Rc::clone(router), StreamId(id))))
            }
            Plugin::Console(console) => Box::new(RoleContext(ConsoleStream::new(Rc::clone(console)))),
            Plugin::Provider(role) => Box::new(RoleContext(ProviderStream::new(Rc::clone(role)))),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The minor version of this Envoy, which the host encodes as a 64-bit number, little-endian.
fn envoy_minor() -> Option<u64> {
    let path = ["xds", "node", "user_agent_build_version", "version", "minor_number"];
    let bytes = hostcalls::get_property(path.to_vec()).ok().flatten()?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}

impl From<Flow> for Action {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Continue => Self::Continue,
            Flow::Pause => Self::Pause,
        }
    }
}

/// A role as the SDK sees it. Envoy tells downstream filters of the end before it writes its access log, upstream filters only by
/// the end of the stream: whichever comes first counts.
struct RoleContext<R>(R);

impl<R: Role> Context for RoleContext<R> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _trailers: usize) {
        let response = Proxy::callout_response(headers, body_size);
        if self.0.on_callout(&Proxy, CalloutId(token), response.as_ref()) == Flow::Continue {
            Proxy.resume_request();
        }
    }

    fn on_done(&mut self) -> bool {
        self.0.on_done(&Proxy);
        true
    }
}

impl<R: Role> HttpContext for RoleContext<R> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.0.on_request_headers(&Proxy, end_of_stream).into()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.0.on_request_body(&Proxy, size, end_of_stream).into()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.0.on_request_trailers(&Proxy).into()
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.0.on_response_headers(&Proxy, end_of_stream).into()
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.0.on_response_body(&Proxy, size, end_of_stream).into()
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.0.on_response_trailers(&Proxy).into()
    }

    fn on_log(&mut self) {
        self.0.on_done(&Proxy);
    }
}
