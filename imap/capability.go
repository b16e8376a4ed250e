package imap

import (
	"fmt"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
)

// version is what IMAP clients are told of us.
const version = "1"

const always = "IMAP4rev2 IMAP4rev1 ID SASL-IR LITERAL-"

// offered is what a signed-in client may use. Each of these is done by us or
// by imapserver; CAPABILITY is answered from here, not from imapserver's list.
var offered = []string{
	"UNSELECT", "ENABLE", "IDLE", "UTF8=ACCEPT", "NAMESPACE", "UIDPLUS", "ESEARCH", "SEARCHRES",
	"LIST-EXTENDED", "LIST-STATUS", "CHILDREN", "SPECIAL-USE", "CREATE-SPECIAL-USE", "MOVE",
	"STATUS=SIZE", "BINARY",
}

// innerCaps is what imapserver has to know to parse what we offer.
var innerCaps = goimap.CapSet{
	goimap.CapIMAP4rev1: {}, goimap.CapIMAP4rev2: {}, goimap.CapNamespace: {}, goimap.CapUIDPlus: {},
	goimap.CapESearch: {}, goimap.CapSearchRes: {}, goimap.CapListExtended: {}, goimap.CapListStatus: {},
	goimap.CapMove: {}, goimap.CapStatusSize: {}, goimap.CapBinary: {}, goimap.CapChildren: {},
	goimap.CapSpecialUse: {}, goimap.CapCreateSpecialUse: {}, goimap.CapAppendLimit: {},
}

// capabilities before sign-in. Without TLS nobody signs in (ATTACKS D04).
func (l *lobby) capabilities() string {
	switch {
	case l.tls:
		return always + " AUTH=" + strings.Join(l.caller().Mechanisms(), " AUTH=")
	case l.server.TLS != nil:
		return always + " STARTTLS LOGINDISABLED"
	default:
		return always + " LOGINDISABLED"
	}
}

// capabilities after sign-in.
func (s *Server) capabilities() string {
	return fmt.Sprintf("%s %s APPENDLIMIT=%d", always, strings.Join(offered, " "), s.Limits.Message)
}

// writeID answers ID (RFC 2971). What the client says of itself is not kept.
func writeID(w *wire, tag string) {
	w.WriteString(`* ID ("name" "sealpost" "version" "` + version + `")` + "\r\n")
	w.reply(tag, "OK ID completed")
}
