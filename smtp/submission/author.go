package submission

import (
	"io"
	"mime"
	netmail "net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sealpost/mail"
	"sealpost/smtp"
)

const (
	maxAuthors = 10      // addresses in From
	maxAuthor  = 4 << 10 // octets of such a field
	maxFields  = 2000    // of a header section: package mail reads 5000, and we add some
)

// once are the fields that a mail has at most once (RFC 5322, section 3.6). Two of
// them are read one way here and another way there.
var once = []string{
	"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Sealpost-Encrypt",
}

// shape refuses a header section that readers could take apart in different ways.
func shape(h mail.Header) error {
	if h.Cut || len(h.Fields) > maxFields {
		return &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "the header of this mail is too large"}
	}
	if !h.Clean {
		return &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "the header of this mail holds a line that is no field"}
	}
	seen := make(map[string]bool)
	for _, f := range h.Fields {
		name := strings.ToLower(f.Name)
		if len(f.Raw) <= len(name) || f.Raw[len(name)] != ':' {
			return &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "the header of this mail holds a name with a space behind it"}
		}
		if !utf8.Valid(f.Raw) { // RFC 6532, section 3.2
			return &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "the header of this mail is neither ASCII nor UTF-8"}
		}
		if seen[name] && slices.ContainsFunc(once, func(n string) bool { return strings.EqualFold(n, name) }) {
			return &smtp.Reply{Code: 554, Enhanced: "5.6.0", Text: "this mail has two fields " + f.Name}
		}
		seen[name] = true
	}
	return nil
}

var (
	errFrom   = &smtp.Reply{Code: 550, Enhanced: "5.7.1", Text: "From must name addresses of your own, plainly written"}
	errSender = &smtp.Reply{Code: 550, Enhanced: "5.7.1", Text: "Sender must name one address of your own"}
	errOwner  = &smtp.Reply{Code: 550, Enhanced: "5.7.1", Text: "you may not write in the name of this address"}
)

// authors reads the addresses of From, and refuses what is not plainly an address
// or a few (ATTACKS D07). With several there must be one Sender (RFC 5322, section
// 3.6.2); whatever Sender there is counts as one more.
func authors(h mail.Header) ([]mail.Address, error) {
	list, ok := plainList(h, "From")
	if !ok {
		return nil, errFrom
	}
	_, has := h.Get("Sender")
	if !has && len(list) > 1 {
		return nil, errSender
	}
	for _, name := range []string{"Sender", "Resent-From", "Resent-Sender"} {
		if _, has := h.Get(name); !has {
			continue
		}
		more, ok := plainList(h, name)
		if !ok || len(more) != 1 {
			return nil, errSender
		}
		list = append(list, more...)
	}
	return list, nil
}

// plainList reads the only field of that name. Two parsers must find the same
// addresses in it: the house's, which is lenient and shows mail to people, and the
// library's, which is strict. A trick is what parsers disagree about.
func plainList(h mail.Header, name string) ([]mail.Address, bool) {
	values := h.Values(name)
	if len(values) != 1 || len(values[0]) > maxAuthor || strings.Contains(strings.ReplaceAll(values[0], " ", ""), "<@") {
		return nil, false
	}
	ours := addresses(values[0])
	if len(ours) == 0 || len(ours) > maxAuthors {
		return nil, false
	}
	strict := netmail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: asItIs}}
	theirs, err := strict.ParseList(values[0])
	if err != nil || len(theirs) != len(ours) {
		return nil, false
	}
	for i, a := range theirs {
		at := strings.LastIndexByte(a.Address, '@')
		same, err := mail.ParseAddress(mail.Address{Local: a.Address[:max(at, 0)], Domain: a.Address[at+1:]}.String())
		if err != nil || same != ours[i] || disguised(same) {
			return nil, false
		}
	}
	return ours, true
}

// disguised finds characters that are written to be taken for others, which a +detail
// or another letter case may bring in: compatibility forms such as a full-width @, and
// invisible ones. Other servers refuse them too (see mailauth).
func disguised(a mail.Address) bool {
	spec := a.String()
	return !norm.NFKC.IsNormalString(spec) || strings.Contains(spec, "=?") && strings.Contains(spec, "?=") ||
		strings.ContainsFunc(spec, func(r rune) bool { return unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' ' })
}

// asItIs spares knowing the charsets of names: only addresses are compared.
func asItIs(_ string, r io.Reader) (io.Reader, error) { return r, nil }

// addresses are those of a field's body, or none when one of its entries is none.
func addresses(value string) []mail.Address {
	field := mail.Field{Name: "From", Raw: []byte("From: " + value + "\r\n")}
	var list []mail.Address
	for _, m := range mail.ReadEnvelope(mail.Header{Fields: []mail.Field{field}}).From {
		a, err := mail.ParseAddress(mail.Address{Local: m.Local, Domain: m.Domain}.String())
		if m.Domain == "" || m.Domain == mail.MissingDomain || err != nil {
			return nil
		}
		list = append(list, a)
	}
	return list
}
