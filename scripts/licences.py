"""Checks that every crate in the module or the command has a licence that we may ship under."""

import json
import re
import subprocess
import sys

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}


def is_allowed(expression):
    """Whether an SPDX expression can be met with allowed licences; `/` is an old spelling of OR."""
    expression = expression.replace("/", " OR ")
    for licence in sorted(ALLOWED, key=len, reverse=True):
        expression = re.sub(rf"(?<![\w.-]){re.escape(licence)}(?![\w.-])", "True", expression)
    words = re.findall(r"\(|\)|[^\s()]+", expression)
    translated = [{"OR": "or", "AND": "and", "True": "True", "(": "(", ")": ")"}.get(word, "False") for word in words]
    text = " ".join(translated).replace("True False", "False").replace("False False", "False")
    return bool(eval(text))  # nothing but True, False, and, or, parentheses


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--offline"]
    metadata = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    faults = [
        f"{package['name']} {package['version']}: {package['license']}"
        for package in metadata["packages"]
        if package["id"] in used and not is_allowed(package["license"] or "none")
    ]
    if faults:
        sys.exit("licences that are not allowed:\n  " + "\n  ".join(faults))


if __name__ == "__main__":
    main()
