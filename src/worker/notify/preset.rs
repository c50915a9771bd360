//! Ready forms for receivers that many people use. The forms are those of their public documentation of 2026.

use serde::Deserialize;

/// A known receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// An incoming web hook of Slack (or Mattermost): `url` is the hook's.
    Slack,
    /// Events API v2 of PagerDuty: `key` is the integration's routing key. Recovery resolves the incident.
    Pagerduty,
    /// A robot of a DingTalk group: `url` is the robot's.
    Dingtalk,
    /// A robot of a WeChat Work group: `url` is the robot's.
    Wechat,
}

const SLACK: &str = r#"{"text": {{ ("*[" ~ (kind if kind != "alert" else level) ~ "]* " ~ title ~ "\n" ~ text ~ ("\n" ~ link if link else "")) | tojson }}}"#;

const PAGERDUTY: &str = r#"{"routing_key": {{ key | tojson }}, "event_action": "{{ 'resolve' if kind == 'recovery' else 'trigger' }}",
 "dedup_key": {{ incident | tojson }}, "payload": {"summary": {{ title[:1024] | tojson }}, "source": {{ (name or rule) | tojson }},
 "severity": "{{ 'critical' if level == 'critical' else 'warning' if level in ['warning', 'unknown'] else 'info' }}",
 "component": {{ rule | tojson }}, "custom_details": {"id": {{ id | tojson }}, "text": {{ text | tojson }}, "events": {{ events | tojson }}}}}"#;

const DINGTALK: &str = r###"{"msgtype": "markdown", "markdown": {"title": {{ title | tojson }},
 "text": {{ ("# [" ~ (kind if kind != "alert" else level) ~ "] " ~ title ~ "\n" ~ text ~ ("\n\n[" ~ link ~ "](" ~ link ~ ")" if link else "")) | tojson }}}}"###;

const WECHAT: &str = r#"{"msgtype": "text", "text": {"content": {{ ("[" ~ (kind if kind != "alert" else level) ~ "] " ~ title ~ "\n" ~ text ~ ("\n" ~ link if link else "")) | tojson }}}}"#;

impl Preset {
    /// Where it always is, if it is always at the same place.
    pub(super) fn url(self) -> Option<&'static str> {
        match self {
            Preset::Pagerduty => Some("https://events.pagerduty.com/v2/enqueue"),
            Preset::Slack | Preset::Dingtalk | Preset::Wechat => None,
        }
    }

    /// Template of its body; `key` is a field of its own.
    pub(super) fn body(self) -> &'static str {
        match self {
            Preset::Slack => SLACK,
            Preset::Pagerduty => PAGERDUTY,
            Preset::Dingtalk => DINGTALK,
            Preset::Wechat => WECHAT,
        }
    }

    /// Whether it cannot be used without a key.
    pub(super) fn needs_key(self) -> bool {
        self == Preset::Pagerduty
    }

    /// Whether an answer with status 2xx says no in its body: DingTalk and WeChat answer 200 with an `errcode`.
    pub(super) fn refuses(self, body: &str) -> Option<String> {
        if !matches!(self, Preset::Dingtalk | Preset::Wechat) {
            return None;
        }
        let answer: serde_json::Value = serde_json::from_str(body).ok()?;
        let code = answer.get("errcode")?.as_i64()?;
        (code != 0).then(|| format!("errcode {code}: {}", answer.get("errmsg").and_then(|m| m.as_str()).unwrap_or_default()))
    }
}
