//! The few HTML pages of the paths outside `/api`: errors, the stop page, the home page.
//!
//! The error pages equal the recorded ones byte for byte (recorded cases `misc_routes/unknown_top`,
//! `misc_routes/delete_aggregators_old`, `no_stack_trace/err_old`), with one difference: text that came from the caller
//! is escaped, so that no request can put markup into an answer (CVE-2018-13003).

const HEAD: &str = "<!DOCTYPE html><html><head><meta http-equiv=content-type content=\"text/html;charset=utf-8\"><title>";
const STYLE: &str = "</title>\n<style><!--\nbody{font-family:arial,sans-serif;margin-left:2em}A.l:link{color:#6f6f6f}A.u:link{color:green}\
.fwf{font-family:monospace;white-space:pre-wrap}//--></style></head>\n<body text=#000000 bgcolor=#ffffff>\
<table border=0 cellpadding=2 cellspacing=0 width=100%><tr><td rowspan=3 width=1% nowrap><img src=s/opentsdb_header.jpg>\
<td>&nbsp;</td></tr><tr><td><font color=#507e9b><b>";
const BANNER_END: &str = "</b></td></tr><tr><td>&nbsp;</td></tr></table>";
const FOOT: &str = "<table width=100% cellpadding=0 cellspacing=0><tr><td class=subg><img alt=\"\" width=1 height=6></td></tr>\
</table></body></html>";

/// A page in the recorded frame. `body` is markup and must not hold text of a request.
fn page(title: &str, banner: &str, body: &str) -> String {
    [HEAD, title, STYLE, banner, BANNER_END, body, FOOT].concat()
}

/// 404.
pub fn not_found() -> String {
    page("Page Not Found", "Error 404", "<blockquote><h1>Page Not Found</h1>The requested URL was not found on this server.</blockquote>")
}

/// A refused request, with the reason.
pub fn bad_request(message: &str) -> String {
    let body = format!(
        "<blockquote><h1>Bad Request</h1>Sorry but your request was rejected as being invalid.<br/><br/>\
         The reason provided was:<blockquote>{}</blockquote></blockquote>",
        escape(message)
    );
    page("Bad Request", "Looks like it's your fault this time", &body)
}

/// A failure on this side.
pub fn internal_error(message: &str) -> String {
    let body = format!(
        "<blockquote><h1>Internal Server Error</h1>Oops, sorry but your request failed due to a server error.<br/><br/>\
         Please try again in 30 seconds.<pre>{}</pre></blockquote>",
        escape(message)
    );
    page("Internal Server Error", "Houston, we have a problem", &body)
}

/// The answer to `/diediedie`.
pub fn exiting() -> String {
    page("TSD Exiting", "You killed me", "Cleaning up and exiting now.")
}

/// Leads on to another page of this server; `place` comes from the request.
pub fn moved(place: &str) -> String {
    let place = place.replace('"', "%22").replace('<', "%3C").replace('>', "%3E");
    format!("<html></head><meta http-equiv=\"refresh\" content=\"0; url={place}\"></head></html>")
}

/// The frame that the built-in pages fill, byte for byte OpenTSDB's (recorded case `misc_routes/home`): with its files in
/// the static root its own page runs in it.
pub fn home() -> String {
    let script = "//--></style><script type=text/javascript language=javascript src=s/queryui.nocache.js></script></head>";
    let main = "<div id=queryuimain></div><noscript>You must have JavaScript enabled.</noscript><iframe src=javascript:'' id=__gwt_historyFrame \
                tabIndex=-1 style=position:absolute;width:0;height:0;border:0></iframe>";
    page("OpenTSDB", "", main).replace("//--></style></head>", script)
}

/// Makes text safe inside markup. `<code>` and `</code>`, which OpenTSDB's own messages hold, stay: they can do no harm.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out.replace("&lt;code&gt;", "<code>").replace("&lt;/code&gt;", "</code>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_request_is_no_markup() {
        assert_eq!(escape("Missing parameter <code>type</code>"), "Missing parameter <code>type</code>");
        assert_eq!(escape("<b onclick=\"x\">&"), "&lt;b onclick=&quot;x&quot;&gt;&amp;");
        assert!(!bad_request("<script>alert(1)</script>").contains("<script>"));
    }

    #[test]
    fn pages_are_as_long_as_recorded() {
        assert_eq!(not_found().len(), 778); // misc_routes/unknown_top
        assert_eq!(bad_request("Method not allowed").len(), 882); // misc_routes/delete_aggregators_old
        assert_eq!(bad_request("Missing parameter <code>type</code>").len(), 899); // suggest/old_no_type
        assert_eq!(exiting().len(), 712); // old_die/get
        assert_eq!(home().len(), 950); // misc_routes/home
    }
}
