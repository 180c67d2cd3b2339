//! A tab: goes to a page, looks as somebody's screen does, takes keys, and remembers what was asked for and complained about.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Browser, Inbox, keys, lock};
use crate::patience;

/// A tab. It is closed when this is dropped.
pub struct Tab {
    browser: Arc<Browser>,
    context: String,
    session: String,
    inbox: Arc<Inbox>,
}

/// What somebody's screen and system are like.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Width and height in CSS pixels.
    pub size: (u32, u32),
    /// `light` or `dark`, as the system is set.
    pub scheme: &'static str,
    /// `no-preference` or `reduce`.
    pub motion: &'static str,
    /// `none` or `active`.
    pub forced_colors: &'static str,
}

impl Default for Look {
    fn default() -> Self {
        Self { size: (1280, 800), scheme: "light", motion: "reduce", forced_colors: "none" }
    }
}

impl Look {
    /// A phone.
    pub const PHONE: (u32, u32) = (390, 844);
}

/// An error, a warning, a dialog or a breach of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint(String);

impl fmt::Display for Complaint {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl Tab {
    pub(super) fn open(browser: &Arc<Browser>) -> Result<Self> {
        let text =
            |value: &Value| value.as_str().map(str::to_owned).context("the browser names what it made");
        let made = browser.call(None, "Target.createBrowserContext", &json!({ "disposeOnDetach": true }))?;
        let context = text(&made["browserContextId"])?;
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = text(&browser.call(None, "Target.createTarget", &target)?["targetId"])?;
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(&browser.call(None, "Target.attachToTarget", &attach)?["sessionId"])?;
        let inbox = browser.listen(&session);
        let tab = Self { browser: Arc::clone(browser), context, session, inbox };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            tab.call(&format!("{domain}.enable"), &json!({}))?;
        }
        // Two tabs cannot both have the window's focus, but each is tested as if it had.
        tab.call("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }))?;
        tab.look(Look::default())?;
        Ok(tab)
    }

    /// Calls a method of the protocol.
    pub fn call(&self, method: &str, parameters: &Value) -> Result<Value> {
        self.browser.call(Some(&self.session), method, parameters)
    }

    /// Sets screen and system.
    pub fn look(&self, look: Look) -> Result<()> {
        let (width, height) = look.size;
        let mobile = width < 600;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", &metrics)?;
        self.call("Emulation.setTouchEmulationEnabled", &json!({ "enabled": mobile }))?;
        let feature = |name: &str, value: &str| json!({ "name": name, "value": value });
        let features = [
            feature("prefers-color-scheme", look.scheme),
            feature("prefers-reduced-motion", look.motion),
            feature("forced-colors", look.forced_colors),
        ];
        self.call("Emulation.setEmulatedMedia", &json!({ "media": "", "features": features }))?;
        Ok(())
    }

    /// Shows pages as paper does, or as a screen does.
    pub fn paper(&self, paper: bool) -> Result<()> {
        let media = if paper { "print" } else { "screen" };
        self.call("Emulation.setEmulatedMedia", &json!({ "media": media }))?;
        Ok(())
    }

    /// Switches JavaScript of pages off; [`eval`](Self::eval) goes on working.
    pub fn without_javascript(&self) -> Result<()> {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }))?;
        Ok(())
    }

    /// Goes to an address and waits until everything is loaded. What was recorded before is forgotten.
    pub fn goto(&self, url: &str) -> Result<()> {
        lock(&self.inbox.events).clear();
        let went = self.call("Page.navigate", &json!({ "url": url }))?;
        if let Some(error) = went["errorText"].as_str() {
            bail!("{url}: {error}");
        }
        if went["loaderId"].is_null() {
            // Another place of the same page.
            return Ok(());
        }
        self.loaded().with_context(|| url.to_owned())
    }

    /// Waits until a page that was asked for is loaded.
    pub fn loaded(&self) -> Result<()> {
        let start = Instant::now();
        let mut events = lock(&self.inbox.events);
        while !events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let left = patience().saturating_sub(start.elapsed());
            ensure!(!left.is_zero(), "the page is not loaded");
            let waited = self.inbox.arrived.wait_timeout(events, left);
            events = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Does something that leads to another page, and waits for that one.
    pub fn follow(&self, act: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        lock(&self.inbox.events).clear();
        act(self)?;
        self.loaded()
    }

    /// The value of a JavaScript expression; promises are waited for.
    pub fn eval(&self, expression: &str) -> Result<Value> {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", &parameters)?;
        if result["exceptionDetails"].is_object() {
            bail!("{expression}: {}", result["exceptionDetails"]["exception"]["description"]);
        }
        Ok(result["result"]["value"].take())
    }

    /// The text that an expression gives.
    pub fn text(&self, expression: &str) -> Result<String> {
        let value = self.eval(expression)?;
        Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// Waits until an expression is true.
    pub fn until(&self, expression: &str) -> Result<()> {
        let start = Instant::now();
        // A page that is being left has no answer.
        let here = |answer: Result<Value>| match answer {
            Err(error) if error.to_string().contains("navigated") => Ok(Value::Null),
            answer => answer,
        };
        while here(self.eval(expression))? != true {
            ensure!(start.elapsed() < patience(), "never true: {expression}");
            // The next frame, so that the page can do its work.
            here(self.eval("new Promise(done => requestAnimationFrame(done))"))?;
        }
        Ok(())
    }

    /// Presses and releases a key: `Tab`, `Shift+Tab`, `ArrowDown`, `/`.
    pub fn press(&self, key: &str) -> Result<()> {
        for event in keys::press(key) {
            self.call("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    /// Writes text where the focus is.
    pub fn write(&self, text: &str) -> Result<()> {
        self.call("Input.insertText", &json!({ "text": text }))?;
        Ok(())
    }

    /// Lets pages use what they otherwise ask the reader for, such as the clipboard.
    pub fn grant(&self, permissions: &[&str]) -> Result<()> {
        let grant = json!({ "permissions": permissions, "browserContextId": self.context });
        self.browser.call(None, "Browser.grantPermissions", &grant)?;
        Ok(())
    }

    /// The addresses that the page has asked for since it was gone to.
    pub fn requests(&self) -> Vec<String> {
        let events = lock(&self.inbox.events);
        let requests = events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        requests.filter_map(|event| Some(event["params"]["request"]["url"].as_str()?.to_owned())).collect()
    }

    /// Bytes that came over the network for the page, without headers.
    pub fn received(&self) -> u64 {
        let events = lock(&self.inbox.events);
        let data = events.iter().filter(|event| event["method"] == "Network.dataReceived");
        data.filter_map(|event| event["params"]["dataLength"].as_u64()).sum()
    }

    /// What went wrong on the page since it was gone to.
    pub fn complaints(&self) -> Vec<Complaint> {
        let events = lock(&self.inbox.events);
        let complaint = |event: &Value| {
            let said = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(said["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" => Some(format!("console.{}: {}", said["type"], said["args"])),
                "Log.entryAdded" => Some(format!("{} {}", said["entry"]["text"], said["entry"]["url"])),
                "Page.javascriptDialogOpening" => Some(format!("a dialog: {}", said["message"])),
                _ => None,
            }
        };
        events.iter().filter_map(complaint).map(Complaint).collect()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let context = json!({ "browserContextId": self.context });
        let _ = self.browser.call(None, "Target.disposeBrowserContext", &context);
        self.browser.forget(&self.session);
    }
}
