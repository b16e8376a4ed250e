package webmail

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSTSAge is the longest that RFC 8461, section 3.2 allows: about a year.
const maxSTSAge = 31557600 * time.Second

// sts answers the MTA-STS policy of a domain: lines of "key: value" in CRLF.
func (d *Door) sts(w http.ResponseWriter, r *http.Request, s site) {
	if d.STS.Mode == "" {
		showError(w, r, http.StatusNotFound)
		return
	}
	write(w, http.StatusOK, "text/plain; charset=utf-8", []byte(d.STS.policy(d.Hostname)))
}

func (p STS) policy(hostname string) string {
	lines := []string{"version: STSv1", "mode: " + p.Mode}
	mx := p.MX
	if len(mx) == 0 {
		mx = []string{hostname}
	}
	for _, host := range mx {
		lines = append(lines, "mx: "+ascii(host))
	}
	age := min(max(p.MaxAge, 0), maxSTSAge)
	lines = append(lines, "max_age: "+strconv.FormatInt(int64(age/time.Second), 10))
	return strings.Join(lines, "\r\n") + "\r\n"
}
