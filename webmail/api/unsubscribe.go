package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var errNotLeft = problem(http.StatusUnprocessableEntity, "refused", "The sender's server did not accept that")

type leaving struct {
	Body struct {
		URL string `json:"url" maxLength:"2000" doc:"https, of List-Unsubscribe, where List-Unsubscribe-Post allows it"`
	}
}

// unsubscribes leaves a list in its reader's place (RFC 8058, section 3.1): without cookies
// or referrer, to no private address, and nothing of the answer comes back.
func unsubscribes(s service) {
	asking := newAllowances(s.Now, 5*time.Second, 20)
	route(s, op{
		name: "unsubscribe", method: http.MethodPost, path: "/unsubscribe", tag: sendingPart, access: forSession, time: 30 * time.Second,
		about: "Leaves a mailing list by one click (RFC 8058), in its reader's place.",
	}, func(ctx context.Context, in *leaving) (*struct{}, error) {
		if s.Sending.Images == nil {
			return nil, notFound()
		}
		if wait := asking.take(string(who(ctx).ID), 1); wait > 0 {
			return nil, slowDown(1)
		}
		return nil, leave(ctx, s.Sending.Images, in.Body.URL)
	})
}

// leave returns errors without a word of the URL or the host. A redirect is no yes: the
// list is not left by following one (RFC 8058, section 3.1).
func leave(ctx context.Context, client *http.Client, place string) error {
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return badInput("url: expected an https URL")
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTime)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader("List-Unsubscribe=One-Click"))
	if err != nil {
		return badInput("url: expected an https URL")
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("User-Agent", "Mozilla/5.0 (list unsubscribe)")
	bare := *client
	bare.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a, err := bare.Do(q)
	if err != nil {
		return errNotLeft
	}
	defer a.Body.Close()
	_, _ = io.CopyN(io.Discard, a.Body, 64<<10) // what it says is for nobody
	if a.StatusCode < 200 || a.StatusCode > 299 {
		return errNotLeft
	}
	return nil
}
