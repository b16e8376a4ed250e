// Package client asks a server's /api/v1, for programs written in Go.
//
// It holds an address and what proves who asks: an app password with scope api, or the
// cookie of a session. It never knows a key: what it carries is sealed, or is sealed
// by the server when it gets there.
//
// Invariants: every wait ends with its context, or when nothing moved for long; an answer
// that is not a good one, a redirection too, is a *Problem; what a server sends is bounded
// before it is held in memory, and its ids are ids.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Client asks one server for one account. Its fields are set once, before use.
type Client struct {
	URL      string        // such as https://mail.example.org
	Address  string        // with Password: HTTP Basic
	Password string        // an app password whose scopes include api
	Cookie   *http.Cookie  // in their place: of a session
	HTTP     *http.Client  // nil: http.DefaultClient
	Patience time.Duration // with a server that says nothing; 0: two minutes
	Queue    time.Duration // how long a request waits in all that is told to come later; 0: not at all
}

// Problem is what a server could not or would not do (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`

	ETag string `json:"-"` // of what is there, where another was expected
}

// Word is the last word of its type, such as not-found.
func (p *Problem) Word() string { return strings.TrimPrefix(p.Type, "urn:sealpost:problem:") }

func (p *Problem) Error() string {
	if p.Detail != "" {
		return fmt.Sprintf("%s: %s (status %d)", p.Title, p.Detail, p.Status)
	}
	return fmt.Sprintf("%s (status %d)", p.Title, p.Status)
}

const (
	mostJSON    = 64 << 20
	mostProblem = 64 << 10
	mostShown   = 500
)

// Request is one call. What is not set is not sent.
type Request struct {
	Method string // GET
	Path   string // below /api/v1
	Query  url.Values
	JSON   any       // a body,
	Body   io.Reader // or this one
	Type   string    // of Body
	Header http.Header
}

// Do asks and returns a good answer, whose body the caller closes; any other is a
// *Problem.
func (c *Client) Do(ctx context.Context, r Request) (*http.Response, error) {
	body, kind := r.Body, r.Type
	if r.JSON != nil {
		text, err := json.Marshal(r.JSON)
		if err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		body, kind = bytes.NewReader(text), "application/json"
	}
	at := strings.TrimSuffix(c.URL, "/") + "/api/v1" + r.Path
	if len(r.Query) > 0 {
		at += "?" + r.Query.Encode()
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, at, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.Cookie != nil {
		req.AddCookie(c.Cookie)
		req.Header.Set("Origin", strings.TrimSuffix(c.URL, "/")) // a program that acts as a page says so
	} else if c.Password != "" {
		req.SetBasicAuth(c.Address, c.Password)
	}
	resp, err := c.queue(req)
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	if resp.StatusCode >= 300 { // nothing here leads elsewhere
		defer resp.Body.Close()
		return nil, problemOf(resp)
	}
	return resp, nil
}

const (
	leastWait = 100 * time.Millisecond
	mostWait  = 15 * time.Second
)

// queue asks once more as long as the server says that there are too many at once:
// nothing was done then.
func (c *Client) queue(req *http.Request) (*http.Response, error) {
	for waited := time.Duration(0); ; {
		resp, err := c.send(req)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || req.Body != nil && req.GetBody == nil {
			return resp, err
		}
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		wait := min(max(time.Duration(seconds)*time.Second, leastWait), mostWait)
		wait += rand.N(wait / 2) // not all at the same moment
		if waited += wait; waited > c.Queue {
			return resp, nil
		}
		resp.Body.Close()
		select {
		case <-time.After(wait):
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

func problemOf(resp *http.Response) error {
	p := &Problem{}
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostProblem))
	if err != nil || json.Unmarshal(text, p) != nil || p.Title == "" {
		p = &Problem{Title: http.StatusText(resp.StatusCode)}
	}
	p.Title, p.Detail = plainly(p.Title), plainly(p.Detail)
	p.Status, p.ETag = resp.StatusCode, resp.Header.Get("ETag")
	return p
}

// plainly is text of a server that may be shown at a terminal.
func plainly(text string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		switch n++; {
		case n > mostShown:
			return -1
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// call asks for JSON.
func call[T any](ctx context.Context, c *Client, r Request) (out T, err error) {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostJSON)).Decode(&out); err != nil {
		return out, fmt.Errorf("read answer: %w", err)
	}
	return out, nil
}

// octets asks for a body of at most so many bytes.
func (c *Client) octets(ctx context.Context, r Request, most int64) ([]byte, http.Header, error) {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read answer: %w", err)
	}
	if int64(len(b)) > most {
		return nil, nil, fmt.Errorf("the answer has more than %d bytes", most)
	}
	return b, resp.Header, nil
}

func number[N ~int | ~int64 | ~uint32 | ~uint64](n N) string { return strconv.FormatInt(int64(n), 10) }
