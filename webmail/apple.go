package webmail

import (
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// appleProfile is a configuration profile for Mail on iOS and macOS. It holds no
// password; the device asks for it. It is the same whether the address exists or not.
func (d *Door) appleProfile(w http.ResponseWriter, r *http.Request, _ site) {
	given := strings.TrimSpace(r.URL.Query().Get("address"))
	a, ok := d.ownAddress(given)
	switch {
	case given == "" || !strings.Contains(given, "@"):
		showError(w, r, http.StatusBadRequest)
		return
	case !ok || d.Ports.IMAPS == 0 || d.Ports.SMTPS == 0 && d.Ports.Submission == 0:
		showError(w, r, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+ascii(a.Domain)+`.mobileconfig"`)
	write(w, http.StatusOK, "application/x-apple-aspen-config", []byte(d.profile(a.String(), ascii(a.Domain))))
}

func (d *Door) profile(address, domain string) string {
	out := d.Ports.SMTPS
	if out == 0 {
		out = d.Ports.Submission
	}
	mail := plist{}
	mail.text("PayloadType", "com.apple.mail.managed")
	mail.text("PayloadIdentifier", "sealpost.mail."+uuid("mail "+address))
	mail.text("PayloadUUID", uuid("mail "+address))
	mail.number("PayloadVersion", 1)
	mail.text("PayloadDisplayName", address)
	mail.text("EmailAccountType", "EmailTypeIMAP")
	mail.text("EmailAccountDescription", address)
	mail.text("EmailAddress", address)
	for _, s := range []struct {
		way  string
		port int
	}{{"Incoming", d.Ports.IMAPS}, {"Outgoing", out}} {
		mail.text(s.way+"MailServerAuthentication", "EmailAuthPassword")
		mail.text(s.way+"MailServerHostName", d.Hostname)
		mail.number(s.way+"MailServerPortNumber", s.port)
		mail.yes(s.way + "MailServerUseSSL")
		mail.text(s.way+"MailServerUsername", address)
	}
	mail.yes("OutgoingPasswordSameAsIncomingPassword")

	all := plist{}
	all.text("PayloadType", "Configuration")
	all.text("PayloadIdentifier", "sealpost."+uuid(address))
	all.text("PayloadUUID", uuid(address))
	all.number("PayloadVersion", 1)
	all.text("PayloadDisplayName", "Mail of "+domain)
	all.text("PayloadDescription", "Sets up "+address+" on this device.")
	all.raw("PayloadContent", "<array>\n<dict>\n"+mail.String()+"</dict>\n</array>")
	return xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` +
		"\n<plist version=\"1.0\">\n<dict>\n" + all.String() + "</dict>\n</plist>\n"
}

// uuid is the same for the same words, so that a profile that is installed again
// takes the first one's place (RFC 9562, version 8).
func uuid(of string) string {
	b := sha256.Sum256([]byte("sealpost " + of))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// plist writes the keys of a property list's dictionary.
type plist struct{ strings.Builder }

func (p *plist) text(key, value string) {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(value)) // a Builder takes everything
	p.raw(key, "<string>"+b.String()+"</string>")
}

func (p *plist) number(key string, n int) { p.raw(key, fmt.Sprintf("<integer>%d</integer>", n)) }
func (p *plist) yes(key string)           { p.raw(key, "<true/>") }
func (p *plist) raw(key, element string)  { p.WriteString("<key>" + key + "</key>" + element + "\n") }
