package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// service is an API while its table of operations is made.
type service struct {
	*API
	huma huma.API
}

// access says for whom an operation is.
type access uint8

const (
	forAnybody  access = iota
	forAccount         // a session, or an app password with scope api
	forSession         // a browser that signed in
	forOperator        // a session of an operator
)

// op is one operation of the table.
type op struct {
	name   string // operationId: letters-and-dashes
	method string
	path   string // below Place
	about  string // one sentence
	tag    string // which part of the API
	access access
	status int                        // of a good answer; 0: 200, or 204 without a body
	body   int64                      // most bytes of a request; 0: 64 KiB
	time   time.Duration              // for reading and answering; 0: the server's own; negative: none
	answer map[string]*huma.MediaType // of an answer that is no JSON
	accept map[string]*huma.MediaType // of a request body that an operation reads by itself (raw)
}

// plainBody bounds a request body whose operation sets no other bound.
const plainBody = 64 << 10

// route adds an operation. I and O are huma's input and output: their fields say what
// comes from path, query, headers and body. Errors of do may be of any room below.
func route[I, O any](s service, o op, do func(context.Context, *I) (*O, error)) {
	if o.body == 0 {
		o.body = plainBody
	}
	h := huma.Operation{
		OperationID:     o.name,
		Method:          o.method,
		Path:            o.path,
		Summary:         o.about,
		Tags:            []string{o.tag},
		DefaultStatus:   o.status,
		MaxBodyBytes:    o.body + 1, // huma refuses at the bound itself
		BodyReadTimeout: o.readTime(),
		Security:        security[o.access],
		Middlewares:     huma.Middlewares{s.limit(o), s.admit(o)},
		Responses:       map[string]*huma.Response{"default": problemAnswer(s.huma)},
	}
	if o.accept != nil {
		h.RequestBody = &huma.RequestBody{Required: true, Content: o.accept}
	}
	if o.answer != nil {
		h.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: o.answer}
	}
	huma.Register(s.huma, h, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, o.name, err)
		}
		return out, nil
	})
}

// readTime is the deadline that huma sets: the server's own where the operation has none.
func (o op) readTime() time.Duration {
	if o.time == 0 {
		return 20 * time.Second
	}
	return o.time
}

// security is what the document says of who may ask.
var security = map[access][]map[string][]string{
	forAnybody:  {{}},
	forAccount:  {{"session": {}}, {"appPassword": {}}},
	forSession:  {{"session": {}}},
	forOperator: {{"session": {}}},
}

func problemAnswer(api huma.API) *huma.Response {
	schema := api.OpenAPI().Components.Schemas.Schema(problemKind, true, "Problem")
	return &huma.Response{Description: "What was asked for could not be done.", Content: map[string]*huma.MediaType{problemType: {Schema: schema}}}
}

// octets is the media type of a body that is not looked into.
func octets(kind string) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{kind: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
}

// limit sets an operation's own bounds of size and time.
func (a *API) limit(o op) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if o.time != 0 {
			var until time.Time
			if o.time > 0 {
				until = time.Now().Add(o.time) // the clock of the sockets
			}
			c := http.NewResponseController(w)
			_ = c.SetReadDeadline(until) // what cannot be lifted, such as a test's, has no end
			_ = c.SetWriteDeadline(until)
		}
		most := o.body
		if o.accept == nil { // huma itself refuses what is longer, and cannot tell this error from others
			most++
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next(ctx)
	}
}

// admit lets those in whom an operation is for.
func (a *API) admit(o op) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		_, w := humago.Unwrap(ctx)
		c, known := maybe(ctx.Context())
		switch {
		case o.access == forAnybody:
			next(ctx)
		case !known:
			write(w, signedOut())
		case o.access != forAccount && c.Session == "", o.access == forOperator && !c.Operator:
			write(w, forbidden())
		default:
			next(ctx)
		}
	}
}

// raw gives an operation the request and the answer as net/http has them, for bodies
// that are too large to hold, or ranges. Embed it in the input; the bounds of the
// operation hold for Body.
type raw struct {
	w http.ResponseWriter
	r *http.Request
}

// Resolve is for huma.
func (x *raw) Resolve(ctx huma.Context) []error {
	x.r, x.w = humago.Unwrap(ctx)
	return nil
}
