//! Families of browser, system and device from a user agent; the string itself goes no further.

/// What a user agent says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// Browser family; `other` when unknown.
    pub browser: &'static str,
    /// Operating system; `other` when unknown.
    pub os: &'static str,
    /// `mobile`, `tablet`, `desktop` or `other`.
    pub device: &'static str,
    /// Whether it says that it is a program.
    pub is_bot: bool,
}

/// First match wins: every Chromium browser also says Chrome, and Chrome also says Safari.
const BROWSERS: &[(&str, &str)] = &[
    ("edg/", "edge"),
    ("edga/", "edge"),
    ("edgios/", "edge"),
    ("opr/", "opera"),
    ("opios/", "opera"),
    ("samsungbrowser/", "samsung"),
    ("ucbrowser/", "uc"),
    ("fxios/", "firefox"),
    ("firefox/", "firefox"),
    ("instagram", "instagram"),
    ("fbav/", "facebook"),
    ("crios/", "chrome"),
    ("chrome/", "chrome"),
    ("chromium/", "chrome"),
    ("safari/", "safari"),
];
/// First match wins: Android says Linux, iOS says "like Mac OS X".
const SYSTEMS: &[(&str, &str)] = &[
    ("windows", "windows"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("ipod", "ios"),
    ("android", "android"),
    ("cros ", "chromeos"),
    ("mac os x", "macos"),
    ("linux", "linux"),
];
/// Words that honest programs put into their user agent.
const BOTS: &[&str] =
    &["bot", "crawl", "spider", "slurp", "headless", "lighthouse", "curl/", "wget/", "python-", "java/", "go-http", "http-client"];
/// Longer strings are cut; no family stands further back.
const AGENT_BYTES_MAX: usize = 512;

impl Agent {
    /// From a `User-Agent` header, or from none.
    #[must_use]
    pub fn parse(user_agent: Option<&str>) -> Self {
        let text: String = user_agent.unwrap_or_default().chars().take(AGENT_BYTES_MAX).collect::<String>().to_ascii_lowercase();
        let is_bot = BOTS.iter().any(|word| text.contains(word));
        let os = family(SYSTEMS, &text);
        Self { browser: family(BROWSERS, &text), os, device: if is_bot { "other" } else { device(os, &text) }, is_bot }
    }
}

fn family(families: &[(&str, &'static str)], text: &str) -> &'static str {
    families.iter().find(|(word, _)| text.contains(word)).map_or("other", |(_, family)| family)
}

/// Android tablets leave out "Mobile". iPads that pretend to be Macs count as desktops: nothing in the header tells.
fn device(os: &str, text: &str) -> &'static str {
    match os {
        "ios" if text.contains("ipad") => "tablet",
        "ios" => "mobile",
        "android" if text.contains("mobile") => "mobile",
        "android" => "tablet",
        "windows" | "macos" | "linux" | "chromeos" => "desktop",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_agents_are_recognised() {
        for (user_agent, browser, os, device) in [
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
                "chrome",
                "android",
                "mobile",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36",
                "samsung",
                "android",
                "tablet",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "safari",
                "ios",
                "mobile",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "edge",
                "windows",
                "desktop",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox", "linux", "desktop"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "safari",
                "macos",
                "desktop",
            ),
            ("", "other", "other", "other"),
        ] {
            assert_eq!(Agent::parse(Some(user_agent)), Agent { browser, os, device, is_bot: false }, "{user_agent}");
        }
    }

    #[test]
    fn programs_that_say_so_are_bots() {
        for user_agent in
            ["curl/8.1", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "HeadlessChrome/140.0.0.0"]
        {
            assert!(Agent::parse(Some(user_agent)).is_bot, "{user_agent}");
        }
        assert!(!Agent::parse(None).is_bot);
    }

    #[test]
    fn a_hostile_agent_is_only_cut() {
        assert_eq!(Agent::parse(Some(&"é".repeat(100_000))).browser, "other");
    }
}
