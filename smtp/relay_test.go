package smtp

import (
	"context"
	"io"
	"strings"
	"testing"

	"sealpost/mail"
)

// alone is a Handler for one person, alice@here.example, who takes no other mail.
type alone struct{ got []string }

func (a *alone) Begin(context.Context, Peer, *mail.Address, MailOptions) (Transaction, error) {
	return a, nil
}

func (a *alone) Rcpt(_ context.Context, to mail.Address, _ RcptOptions) error {
	switch {
	case to.Domain != "here.example" && to.Domain != "":
		return &Reply{550, "5.7.1", "no relay"}
	case to.Local != "alice" && to.Domain != "":
		return &Reply{550, "5.1.1", "unknown"}
	}
	a.got = append(a.got, to.Local+" at "+to.Domain)
	return nil
}

func (a *alone) Data(_ context.Context, r io.Reader) (*Reply, error) {
	_, err := io.Copy(io.Discard, r)
	return nil, err
}

func (a *alone) Close() {}

// ATTACKS D16: every way to write a foreign address so that a server might take
// it for one of its own. Each is refused, and for the reason it should be.
func TestNoRelay(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"<victim@far.example>":                                       "550 5.7.1",
		"<victim%far.example@here.example>":                          "550 5.1.1",
		"<far.example!victim@here.example>":                          "550 5.1.1",
		"<far.example!victim>":                                       "501 5.1.3",
		"<@here.example:victim@far.example>":                         "550 5.7.1",
		"<@here.example,@far.example:victim@far.example>":            "550 5.7.1",
		"<@far.example:alice@here.example>":                          "250 2.1.5", // the route is dropped, the mail is ours
		`<"victim@far.example"@here.example>`:                        "550 5.1.1",
		`<"victim%far.example"@here.example>`:                        "550 5.1.1",
		`<"victim@far.example">`:                                     "501 5.1.3",
		"<victim@far.example@here.example>":                          "501 5.1.3",
		"<victim@[192.0.2.1]>":                                       "550 5.7.1",
		"<victim@here.example.far.example>":                          "550 5.7.1",
		"<alice@here.example>>":                                      "501 5.5.4",
		"<alice@here.example>,<victim@far.example>":                  "501 5.5.4",
		"<victim@far.example>alice@here.example":                     "501 5.5.4",
		"<alice@here.example\x00victim@far.example>":                 "500 5.5.2",
		"<alice@here.example\r@far.example>":                         "500 5.5.2",
		"victim@far.example":                                         "501 5.5.4",
		"<>":                                                         "501 5.5.4",
		"<postmaster>":                                               "250 2.1.5",
		"<postmaster@far.example>":                                   "550 5.7.1",
		"<alice@here.example> ORCPT=rfc822;victim@far.example":       "555 5.5.4",
		"<victim@far.example> ORCPT=rfc822;alice@here.example":       "555 5.5.4",
		"<ALICE@here.example>":                                       "550 5.1.1", // case is the Handler's affair
		"<alice@HERE.example>":                                       "250 2.1.5",
		"<alice@here.example.>":                                      "501 5.1.3",
		"<alice%40here.example@far.example>":                         "550 5.7.1",
		"<\"alice@here.example\\\"\"@far.example>":                   "550 5.7.1",
		"<alice@here.example(comment)>":                              "501 5.1.3",
		"<alice@here.example> XFORWARD":                              "555 5.5.4",
		"<alice@here.example,victim@far.example>":                    "501 5.1.3",
		"<alice@here.example;victim@far.example>":                    "501 5.1.3",
		"<victim@far.example>\tNOTIFY=NEVER":                         "501 5.5.4",
		"<" + strings.Repeat("@here.example,", 50) + "@a:v@far.org>": "550 5.7.1",
	} {
		for _, from := range []string{"<>", "<alice@here.example>", "<victim@far.example>"} {
			h := &alone{}
			c := dial(t, start(t, &Server{Handler: h}))
			c.want("220")
			c.send("XCLIENT ADDR=127.0.0.1 LOGIN=alice\r\nEHLO c\r\n")
			c.want("500 5.5.2")
			for line := "-"; !strings.HasPrefix(line, "250 "); {
				var err error
				if line, err = c.in.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			c.send("XFORWARD ADDR=127.0.0.1\r\nMAIL FROM:" + from + "\r\nRCPT TO:" + to + "\r\n")
			c.want("500 5.5.2", "250")
			if line, err := c.in.ReadString('\n'); !strings.HasPrefix(line, want) {
				t.Errorf("%q from %s: %q %v, want %s", to, from, line, err, want)
			}
			if taken := strings.Join(h.got, ","); strings.Contains(taken, "far") || strings.Contains(taken, "victim") {
				t.Errorf("%q: taken for %s", to, taken)
			}
		}
	}
}
