package report

import (
	"slices"
	"strings"

	"sealpost/mail"
)

// Received says, by its media type and a look at its subject, whether a mail is
// likely to be a report of another server: a multipart/report for feedback or
// tlsrpt, or a mail that carries a packed report and little else. Only Read can
// tell for sure.
func Received(h mail.Header) bool {
	f, _ := h.Get("Content-Type")
	c := mail.ParseContentType(f.Value())
	switch c.Media() {
	case "multipart/report":
		kind := strings.ToLower(c.Params["report-type"])
		return kind == "feedback-report" || kind == "tlsrpt"
	case "multipart/mixed", "multipart/related":
		s, _ := h.Get("Subject")
		subject := strings.ToLower(mail.Decode(s.Value()))
		return strings.Contains(subject, "report") && strings.Contains(subject, "domain")
	}
	return slices.Contains(packed, c.Media())
}

// packed are the media types under which reports come.
var packed = []string{
	"application/gzip", "application/x-gzip", "application/zip", "application/x-zip", "application/x-zip-compressed",
	"application/xml", "text/xml", "application/tlsrpt+json", "application/tlsrpt+gzip", "message/feedback-report",
}
