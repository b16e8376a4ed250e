package webmail

import (
	"encoding/xml"
	"net/http"

	"sealpost/mail"
)

// Thunderbird's autoconfiguration (config-v1.1.xml), which K-9, Evolution, KMail and
// others read too.

type clientConfig struct {
	XMLName  xml.Name       `xml:"clientConfig"`
	Version  string         `xml:"version,attr"`
	Provider configProvider `xml:"emailProvider"`
}

type configProvider struct {
	ID       string         `xml:"id,attr"`
	Domain   string         `xml:"domain"`
	Name     string         `xml:"displayName"`
	Short    string         `xml:"displayShortName"`
	Incoming []configServer `xml:"incomingServer"`
	Outgoing []configServer `xml:"outgoingServer"`
}

type configServer struct {
	Type     string `xml:"type,attr"`
	Hostname string `xml:"hostname"`
	Port     int    `xml:"port"`
	Socket   string `xml:"socketType"`
	User     string `xml:"username"`
	Auth     string `xml:"authentication"`
}

// autoconfig names servers and ports. The domain is the host's; on the server's own
// host it is that of the address asked for.
func (d *Door) autoconfig(w http.ResponseWriter, r *http.Request, s site) {
	domain := s.domain
	if given := r.URL.Query().Get("emailaddress"); given != "" && s.main {
		a, ok := d.ownAddress(given)
		if !ok {
			showError(w, r, http.StatusNotFound)
			return
		}
		domain = a.Domain
	}
	if domain == "" {
		showError(w, r, http.StatusNotFound)
		return
	}
	writeXML(w, clientConfig{Version: "1.1", Provider: d.provider(ascii(domain))})
}

func (d *Door) provider(domain string) configProvider {
	p := configProvider{ID: domain, Domain: domain, Name: domain, Short: domain}
	server := func(kind string, port int, socket string) []configServer {
		if port == 0 {
			return nil
		}
		// "cleartext" is the word for a password inside TLS; "encrypted" would mean
		// CRAM-MD5 to old clients, which needs a password that the server can read.
		return []configServer{{kind, d.Hostname, port, socket, "%EMAILADDRESS%", "password-cleartext"}}
	}
	p.Incoming = server("imap", d.Ports.IMAPS, "SSL")
	p.Outgoing = append(server("smtp", d.Ports.SMTPS, "SSL"), server("smtp", d.Ports.Submission, "STARTTLS")...)
	return p
}

// ownAddress reads an address of a domain of this server. Whether anybody has it is
// not looked up.
func (d *Door) ownAddress(s string) (mail.Address, bool) {
	a, err := mail.ParseAddress(s)
	return a, err == nil && d.Local(a.Domain)
}

func writeXML(w http.ResponseWriter, v any) {
	body, err := xml.MarshalIndent(v, "", "  ")
	if err != nil { // values of our own types always can be written
		writeText(w, http.StatusInternalServerError, tryLater)
		return
	}
	write(w, http.StatusOK, "text/xml; charset=utf-8", append([]byte(xml.Header), append(body, '\n')...))
}
