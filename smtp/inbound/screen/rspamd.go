package screen

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealpost/smtp/mailauth"
)

const (
	filterTime = 15 * time.Second
	maxOpinion = 1 << 20 // octets of rspamd's reply
)

// newClient asks the one server it is told to: no proxy, no other place.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost:    8,
			MaxConnsPerHost:        32,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// rspamd shows the mail to rspamd's /checkv2, whole, envelope in header fields.
func (s *Screen) rspamd(ctx context.Context, a Arrival, v mailauth.Verdict) (opinion, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Filter, filterTime))
	defer cancel()
	body := io.NewSectionReader(a.Mail, 0, a.Mail.Size())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Rspamd, body)
	if err != nil {
		return opinion{}, fmt.Errorf("make request: %w", withoutURL(err))
	}
	req.ContentLength = body.Size()
	req.Header = envelope(a, v)
	resp, err := s.Client.Do(req)
	if err != nil {
		return opinion{}, fmt.Errorf("ask: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return opinion{}, fmt.Errorf("reply has status %d", resp.StatusCode)
	}
	return readOpinion(resp.Body)
}

// withoutURL takes the URL, which may hold a password, out of an error.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

func envelope(a Arrival, v mailauth.Verdict) http.Header {
	h := http.Header{}
	h.Set("IP", a.IP.Unmap().WithZone("").String())
	h.Set("Helo", plain(a.Helo, 255))
	h.Set("From", "")
	if a.From != nil {
		h.Set("From", a.From.String())
	}
	for _, to := range a.To {
		h.Add("Rcpt", to.String())
	}
	if v.IPRev.Name != "" {
		h.Set("Hostname", plain(v.IPRev.Name, 255))
	}
	h.Set("Queue-Id", a.ID)
	return h
}

// readOpinion reads the little of the reply that matters.
func readOpinion(r io.Reader) (opinion, error) {
	var said struct {
		Action   string  `json:"action"`
		Score    float64 `json:"score"`
		Required float64 `json:"required_score"`
		Error    string  `json:"error"`
	}
	limited := &io.LimitedReader{R: r, N: maxOpinion}
	if err := json.NewDecoder(limited).Decode(&said); err != nil {
		return opinion{}, errors.New("reply is no JSON that was expected")
	}
	o := opinion{trace: fmt.Appendf(nil, "X-Spam-Score: %.2f / %.2f\r\n", said.Score, said.Required)}
	switch strings.ToLower(said.Action) {
	case "no action":
	case "add header", "rewrite subject", "quarantine":
		o.junk = "the spam filter takes it for spam"
	case "reject":
		o.reply = &Refusal{554, "5.7.1", "this mail is taken for spam"}
	case "soft reject", "greylist":
		o.reply = &Refusal{451, "4.7.1", "try again later"}
	default:
		return opinion{}, errors.New("reply has no action that is known")
	}
	return o, nil
}
