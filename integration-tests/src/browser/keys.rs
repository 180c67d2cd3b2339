//! Keys as the `DevTools` protocol wants them.

use serde_json::{Value, json};

/// A key by its name (`Tab`, `ArrowDown`, `/`), with `Shift+` before it where that is held.
pub(super) fn press(name: &str) -> [Value; 2] {
    let (shift, key) = name.strip_prefix("Shift+").map_or((false, name), |key| (true, key));
    let (code, number, text) = match key {
        "Tab" => ("Tab", 9, None),
        "Enter" => ("Enter", 13, Some("\r")),
        "Escape" => ("Escape", 27, None),
        "Space" => ("Space", 32, Some(" ")),
        "End" => ("End", 35, None),
        "Home" => ("Home", 36, None),
        "ArrowLeft" => ("ArrowLeft", 37, None),
        "ArrowUp" => ("ArrowUp", 38, None),
        "ArrowRight" => ("ArrowRight", 39, None),
        "ArrowDown" => ("ArrowDown", 40, None),
        other => ("", 0, Some(other)),
    };
    let key = if key == "Space" { " " } else { key };
    let event = |kind: &str| {
        let mut event = json!({
            "type": kind,
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "modifiers": if shift { 8 } else { 0 },
        });
        if let (Some(text), "keyDown") = (text, kind) {
            event["text"] = text.into();
        }
        event
    };
    [event("keyDown"), event("keyUp")]
}
