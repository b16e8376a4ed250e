package webmail

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
)

// Autodiscover as Outlook and others ask for it (MS-OXDSCLI): a POST with an address,
// answered with servers and ports. Exchange and ActiveSync are not offered.

const (
	outlookSchema  = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
	responseSchema = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	maxQuestion    = 8 << 10 // bytes of a question
)

type discoverQuestion struct {
	Address string `xml:"Request>EMailAddress"`
	Schema  string `xml:"Request>AcceptableResponseSchema"`
}

type discoverAnswer struct {
	XMLName  xml.Name         `xml:"Autodiscover"`
	Space    string           `xml:"xmlns,attr"`
	Response discoverResponse `xml:"Response"`
}

type discoverResponse struct {
	Space   string           `xml:"xmlns,attr,omitempty"`
	Account *discoverAccount `xml:"Account,omitempty"`
	Error   *discoverError   `xml:"Error,omitempty"`
}

type discoverAccount struct {
	Type      string             `xml:"AccountType"`
	Action    string             `xml:"Action"`
	Protocols []discoverProtocol `xml:"Protocol"`
}

type discoverProtocol struct {
	Type       string `xml:"Type"`
	Server     string `xml:"Server"`
	Port       int    `xml:"Port"`
	Domain     string `xml:"DomainRequired"`
	Login      string `xml:"LoginName"`
	SPA        string `xml:"SPA"`
	SSL        string `xml:"SSL"`
	Encryption string `xml:"Encryption,omitempty"`
	Auth       string `xml:"AuthRequired"`
}

type discoverError struct {
	Code    int    `xml:"ErrorCode"`
	Message string `xml:"Message"`
	Debug   string `xml:"DebugData"`
}

func (d *Door) autodiscover(w http.ResponseWriter, r *http.Request, _ site) {
	q := discoverQuestion{Address: r.URL.Query().Get("Email")}
	if r.Method == http.MethodPost {
		var ok bool
		if q, ok = readQuestion(r.Body); !ok {
			showError(w, r, http.StatusBadRequest)
			return
		}
	}
	a, ok := d.ownAddress(strings.TrimSpace(q.Address))
	switch {
	case !ok:
		writeXML(w, refusal(600, "Invalid Request"))
	case q.Schema != "" && strings.TrimSpace(q.Schema) != outlookSchema:
		writeXML(w, refusal(601, "Provider is not available"))
	default:
		writeXML(w, d.servers(a.String()))
	}
}

// readQuestion reads a bounded document without a DTD: encoding/xml resolves no
// entity but the five that XML has.
func readQuestion(body io.Reader) (discoverQuestion, bool) {
	text, err := io.ReadAll(io.LimitReader(body, maxQuestion+1))
	if err != nil || len(text) > maxQuestion {
		return discoverQuestion{}, false
	}
	var q discoverQuestion
	if err := xml.Unmarshal(text, &q); err != nil {
		return discoverQuestion{}, false
	}
	return q, true
}

func refusal(code int, message string) discoverAnswer {
	return discoverAnswer{Space: responseSchema, Response: discoverResponse{Error: &discoverError{Code: code, Message: message}}}
}

func (d *Door) servers(address string) discoverAnswer {
	account := &discoverAccount{Type: "email", Action: "settings"}
	add := func(kind string, port int, encryption string) {
		if port == 0 {
			return
		}
		account.Protocols = append(account.Protocols, discoverProtocol{
			Type: kind, Server: d.Hostname, Port: port, Domain: "off", Login: address, SPA: "off", SSL: "on", Encryption: encryption, Auth: "on",
		})
	}
	add("IMAP", d.Ports.IMAPS, "SSL")
	add("SMTP", d.Ports.SMTPS, "SSL")
	if d.Ports.SMTPS == 0 {
		add("SMTP", d.Ports.Submission, "TLS")
	}
	return discoverAnswer{Space: responseSchema, Response: discoverResponse{Space: outlookSchema, Account: account}}
}

// autodiscoverJSON is version 2: where is version 1?
func (d *Door) autodiscoverJSON(w http.ResponseWriter, r *http.Request, _ site) {
	status, v := http.StatusOK, map[string]string{
		"Protocol": "AutodiscoverV1", "Url": "https://" + ascii(d.Hostname) + "/autodiscover/autodiscover.xml",
	}
	if p := r.URL.Query().Get("Protocol"); !strings.EqualFold(p, "AutodiscoverV1") {
		status, v = http.StatusBadRequest, map[string]string{"ErrorCode": "InvalidProtocol", "ErrorMessage": "This protocol is not offered. Offered is 'AutodiscoverV1'."}
	}
	body, err := json.Marshal(v)
	if err != nil { // strings always can be written
		writeText(w, http.StatusInternalServerError, tryLater)
		return
	}
	write(w, status, "application/json", body)
}
