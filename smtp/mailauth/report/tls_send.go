package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealpost/mail"
	"sealpost/smtp/dns"
)

// TLSWish is where a domain wants its TLS reports.
type TLSWish struct {
	Mail []mail.Address
	HTTP []string // https URLs
}

// TLSDestinations asks for the record _smtp._tls of a domain (RFC 8460, section
// 3). Without exactly one there is no wish. The error is of the DNS.
func TLSDestinations(ctx context.Context, r *dns.Resolver, domain string) (TLSWish, error) {
	txt, err := r.TXT(ctx, "_smtp._tls."+domain)
	if errors.Is(err, dns.ErrNotFound) {
		return TLSWish{}, nil
	}
	if err != nil {
		return TLSWish{}, fmt.Errorf("ask who wants TLS reports: %w", err)
	}
	var wishes []TLSWish
	for _, s := range txt.Records {
		if w, ok := parseTLSRecord(s); ok {
			wishes = append(wishes, w)
		}
	}
	if len(wishes) != 1 {
		return TLSWish{}, nil
	}
	return wishes[0], nil
}

// parseTLSRecord reads "v=TLSRPTv1; rua=uri,uri".
func parseTLSRecord(s string) (w TLSWish, ok bool) {
	version, rest, _ := strings.Cut(s, ";")
	if strings.TrimSpace(version) != "v=TLSRPTv1" || len(s) > 4<<10 {
		return TLSWish{}, false
	}
	for part := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(part, "=")
		if strings.TrimSpace(name) == "rua" {
			w.add(value)
			break
		}
	}
	return w, true
}

func (w *TLSWish) add(list string) {
	for u := range strings.SplitSeq(list, ",") {
		u = strings.TrimSpace(u)
		if len(w.Mail)+len(w.HTTP) >= maxDestinations {
			return
		}
		if a, ok := mailto(u); ok {
			w.Mail = append(w.Mail, a)
		} else if p, err := url.Parse(u); err == nil && p.Scheme == "https" && p.Host != "" && p.User == nil {
			w.HTTP = append(w.HTTP, u)
		}
	}
}

// TLS writes a due report for one reader by mail. It must be delivered whatever
// the reader's TLS is like (section 3), and counted in no report.
func (w Author) TLS(d TLSDue, to mail.Address, now time.Time) (Message, error) {
	id, text, err := w.tlsJSON(d)
	if err != nil {
		return Message{}, err
	}
	unique, _, _ := strings.Cut(id, "@")
	return w.message(letter{
		domain: d.Domain, id: id, to: to, now: now,
		more: "TLS-Report-Domain: " + d.Domain + "\r\nTLS-Report-Submitter: " + w.Domain + "\r\nTLS-Required: No\r\n",
		kind: "multipart/report; report-type=\"tlsrpt\"", media: "application/tlsrpt+gzip",
		name: w.file(d.Domain, d.Report.Range.Start, d.Report.Range.End, unique, "json.gz"), content: text,
		note: "This is an SMTP TLS report (RFC 8460).",
	})
}

func (w Author) tlsJSON(d TLSDue) (id string, text []byte, err error) {
	r := d.Report
	r.Org, r.Contact, r.ID = w.Org, w.From.String(), w.id("tls", d.Domain, r.Range.Start)
	text, err = json.Marshal(r)
	if err != nil {
		return "", nil, fmt.Errorf("write TLS report: %w", err)
	}
	return r.ID, text, nil
}

// Post sends a due report to an https URL. The client decides whom it connects to:
// the URL is a stranger's, so it must follow no redirect and reach no private address.
func (w Author) Post(ctx context.Context, client *http.Client, to string, d TLSDue) error {
	if !strings.HasPrefix(to, "https://") {
		return errors.New("TLS reports are posted to https URLs only")
	}
	_, text, err := w.tlsJSON(d)
	if err != nil {
		return err
	}
	packed, err := pack(text)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(packed))
	if err != nil {
		return errors.New("make request: not a URL")
	}
	req.Header.Set("Content-Type", "application/tlsrpt+gzip")
	resp, err := client.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("post TLS report: %w", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("post TLS report: status %d", resp.StatusCode)
	}
	return nil
}
