package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"sealpost/mail"
)

type markCommand struct {
	settingsFile
	Name string `arg:"" help:"A mail address, or the IP address of a client."`
}

func (cmd markCommand) Help() string {
	return "The log names nobody. Where it has to tell one from another it says a mark, made with a secret of this server: " +
		"of the networks that sign-ins were refused from always, of senders and recipients at log level debug. To find one " +
		"mail: set log.level to debug, sealpost reload, wait for it, and look in the log for the mark of its sender."
}

func (cmd markCommand) Run(ctx context.Context, c console) error {
	m, err := ask[string](ctx, cmd.Config, "log.mark", cmd.Name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, m)
	return err
}

// markOf marks what somebody typed.
func markOf(_ context.Context, o *office, name string) (string, error) {
	if a, err := mail.ParseAddress(name); err == nil {
		return o.mark(a.Key()), nil
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	if err != nil {
		return "", fmt.Errorf("%q is neither a mail address nor an IP address", name)
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return o.mark(ip.String()), nil
	}
	p, err := ip.Prefix(64)
	return o.mark(p.String()), err
}

// mark is what stands for a name in the log.
func (o *office) mark(name string) string {
	h := hmac.New(sha256.New, o.secret)
	h.Write([]byte("mark in the log " + name))
	return hex.EncodeToString(h.Sum(nil)[:6])
}
