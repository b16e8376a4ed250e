// Package api is everything the webmail does, for other programs too: /api/v1, with
// its OpenAPI 3.1 document made from the Go types of its answers.
//
// It never knows a passphrase, a private key or what a sealed mail says: it hands
// octets to and from an account's own clients, and turns errors into RFC 9457
// problems in one function (problemOf).
//
// Invariants: an operation that is not for anybody is done for one caller, whom
// who(ctx) names, and touches that caller's things only; what is another's answers
// exactly like what does not exist; nothing that changes anything is done for a page
// of another origin; every body, answer and wait has a bound; nothing readable
// reaches a log.
package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	rooms "sealpost/mailstore/cabinet"
	"sealpost/move"
	"sealpost/webmail/api/parcels"
)

// Place is where the API stands on its host.
const Place = "/api/v1"

// API answers requests below Place. Its fields are set once, before use.
type API struct {
	Hostname string
	Version  string
	Book     *account.Book
	Store    *mailstore.Store
	Cabinet  *rooms.Cabinet
	SignIns  *signin.Desk
	Throttle *account.Throttle // nil: nobody is slowed down
	Open     bool              // anybody may sign up
	Own      OwnRules          // account.go
	Imports  *move.Imports
	// Import starts one of Imports, for as long as the server lives.
	Import  func(mailstore.Owner, move.Remote) error
	Log     *slog.Logger
	Now     func() time.Time
	Sending Sending       // outbox.go
	Parcels *parcels.Room // nil: nobody outside is handed anything
	Files   *drive.Drive  // nil: there are none
	Report  string        // where abuse of links is reported; may be empty
	Admin   *Admin        // admin.go; nil: operators see nothing here

	once      sync.Once
	inner     http.Handler
	spec      []byte
	again     *memory
	brought   *memory // of what strangers declared
	calls     *pacer
	strangers *pacer // to parcels and links, and from a network
	visitors  *pacer // the same, for pieces of what they were let in to
	bringers  *pacer // the same, for files that they declare
	gates     *gates
	stop      sync.Once
	stopped   chan struct{} // closed by EndStreams
	heartbeat time.Duration // of a test,
	patience  time.Duration // too
	trial     func(service) // operations of a test
}

// Handler answers what a Door hands on.
func (a *API) Handler() http.Handler {
	a.once.Do(a.build)
	return http.HandlerFunc(a.serve)
}

// Spec is the OpenAPI document.
func (a *API) Spec() []byte {
	a.once.Do(a.build)
	return a.spec
}

// EndStreams ends the streams of events, which would hold up a shutdown for an hour.
func (a *API) EndStreams() {
	a.once.Do(a.build)
	a.stop.Do(func() { close(a.stopped) })
}

// build makes the table of operations. A file that has some adds its line here.
func (a *API) build() {
	a.gates, a.stopped = newGates(), make(chan struct{})
	mux := http.NewServeMux()
	s := service{API: a, huma: humago.NewWithPrefix(mux, Place, settings(a.Version))}
	for _, register := range []func(service){
		server, signIn, keyring, sessions, requests, proofs, ownAccount, attachmentOperations, factors, appPasswords,
		imports,
		outboxes, recipients, keys, ruleSets, images, unsubscribes, pushes, admin,
		mailOperations, cabinetOperations, parcelOperations, fileOperations, linkOperations, sharedOperations, requestOperations, dropOperations, eventOperations,
	} {
		register(s)
	}
	if a.trial != nil {
		a.trial(s)
	}
	doc := s.huma.OpenAPI()
	delete(doc.Components.Schemas.Map(), "ErrorModel") // huma's own: problems are ours
	delete(doc.Components.Schemas.Map(), "ErrorDetail")
	spec, err := json.Marshal(doc)
	if err != nil {
		panic(err) // of our own types
	}
	a.spec = spec
	mux.HandleFunc("GET "+Place+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.spec)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { write(w, notFound()) })
	a.inner, a.again, a.brought = mux, newMemory(a.Now), newMemory(a.Now)
	a.calls, a.strangers = newPacer(a.Now, callsPerSecond, callsAtOnce), newPacer(a.Now, strangersPerSecond, strangersAtOnce)
	a.visitors, a.bringers = newPacer(a.Now, visitsPerSecond, visitsAtOnce), newPacer(a.Now, bringsPerSecond, bringsAtOnce)
}

// settings are huma's defaults without documentation pages, links to schemas and
// its own place of the document.
func settings(version string) huma.Config {
	c := huma.DefaultConfig("sealpost", version)
	c.Info.Description = "Everything the webmail does. Sign in with a session cookie (browsers), or by HTTP Basic with an address and an app password whose scopes include api."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{ours}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session":     {Type: "apiKey", In: "cookie", Name: cookieName},
		"appPassword": {Type: "http", Scheme: "basic"},
	}
	return c
}

// serve does what every request needs, whatever it asks for: rules of the web first,
// then who asks, then whether they asked it before.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	seen := &watched{ResponseWriter: w}
	defer a.survive(seen, r)
	if p := a.refuse(r); p != nil {
		write(seen, p)
		return
	}
	r, p := a.identify(r)
	if p != nil {
		write(seen, p)
		return
	}
	a.repeatable(seen, r, a.inner.ServeHTTP)
}

// unsafe says whether a method may change anything (RFC 9110, section 9.2.1).
func unsafe(method string) bool {
	return !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, method)
}
