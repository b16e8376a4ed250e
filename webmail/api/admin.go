package api

import (
	"context"
	"net/http"
	"time"

	"sealpost/account"
	"sealpost/smtp/outbound/queue"
)

// Admin is what operators ask. None of it yields mail, a key that opens any, a subject
// or an address of whom somebody writes to. Its fields are set once; what is nil is not
// there.
type Admin struct {
	Overview func(ctx context.Context) (AdminOverview, error)
	Domains  func(ctx context.Context) ([]AdminDomain, error)
	Reports  func(ctx context.Context) ([]AdminReport, error)
	Hours    func(ctx context.Context) (AdminHours, error)
	Remove   func(ctx context.Context, id account.ID) error // an account, with all that it has
	Queue    *queue.Queue
	Drop     func(ctx context.Context, id queue.ID) error // tells the sender

	SignsIn     func(ctx context.Context, id account.ID) (bool, error) // it has a sign-in here
	Invitations func(ctx context.Context) ([]AdminInvitation, error)
	Invite      func(ctx context.Context, w AdminInvite) (AdminInvitation, error)
	Revoke      func(ctx context.Context, id string) error
	ResetSignIn func(ctx context.Context, id account.ID) (AdminInvitation, error)
}

const adminPart = "For operators"

// AdminOverview is how the server is.
type AdminOverview struct {
	Version            string       `json:"version"`
	Hostname           string       `json:"hostname"`
	Began              time.Time    `json:"began" doc:"when the server started: traffic counts from here"`
	Healthy            bool         `json:"healthy"`
	CertificateExpires time.Time    `json:"certificate_expires,omitzero"`
	Accounts           int          `json:"accounts"`
	Messages           int64        `json:"messages"`
	Bytes              int64        `json:"bytes" doc:"sealed, of all accounts"`
	DiskFree           int64        `json:"disk_free" doc:"0 with disk_size 0: not known"`
	DiskSize           int64        `json:"disk_size"`
	Queue              AdminWaiting `json:"queue"`
	Traffic            AdminTraffic `json:"traffic"`
	Days               []AdminDay   `json:"days,omitempty" doc:"oldest first, where the server keeps them"`
}

type AdminWaiting struct {
	Waiting int `json:"waiting"`
	Held    int `json:"held"`
}

// AdminTraffic counts mail since the start.
type AdminTraffic struct {
	Received int64 `json:"received" doc:"mails that were stored, junk among them"`
	Junk     int64 `json:"junk"`
	Refused  int64 `json:"refused"`
	Sent     int64 `json:"sent" doc:"recipients that took a mail"`
	Deferred int64 `json:"deferred"`
	Failed   int64 `json:"failed"`
}

// AdminHours counts mail by the hour: columns of one length, from the hour From on, at
// most thirty days of them. Nobody's name is in it.
type AdminHours struct {
	From     time.Time `json:"from"`
	Received []int64   `json:"received" doc:"mails that were stored, junk among them"`
	Junk     []int64   `json:"junk"`
	Refused  []int64   `json:"refused"`
	Sent     []int64   `json:"sent" doc:"recipients that took a mail"`
	Deferred []int64   `json:"deferred"`
	Failed   []int64   `json:"failed"`
}

type AdminDay struct {
	Day string `json:"day"`
	AdminTraffic
}

// AdminDomain is what the DNS says of a domain, beside what it should.
type AdminDomain struct {
	Domain  string        `json:"domain"`
	Records []AdminRecord `json:"records"`
}

type AdminRecord struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
	State string `json:"state" enum:"ok,missing,wrong,unsure"`
	Found string `json:"found,omitempty"`
	Why   string `json:"why,omitempty"`
}

// AdminReport is what another server said of our domains.
type AdminReport struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind" enum:"dmarc,failure,tls"`
	Domain string    `json:"domain"`
	By     string    `json:"by"`
	Day    string    `json:"day"`
	Came   time.Time `json:"came"`
	All    int64     `json:"all" doc:"mails (dmarc) or sessions (tls)"`
	Well   int64     `json:"well"`
}

type adminDomains struct {
	Domains []AdminDomain `json:"domains"`
}

type adminReports struct {
	Reports []AdminReport `json:"reports"`
}

// adminOp is an operation of the table for operators.
func adminOp(name, method, path, about string) op {
	return op{name: "admin-" + name, method: method, path: "/admin" + path, tag: adminPart, access: forOperator, about: about}
}

// maybeNot runs what may not be there.
func maybeNot[T any](ctx context.Context, do func(context.Context) (T, error)) (*body[T], error) {
	if do == nil {
		return nil, notFound()
	}
	answer, err := do(ctx)
	return &body[T]{answer}, err
}

func admin(s service) {
	if s.Admin == nil {
		s.API.Admin = new(Admin)
	}
	a := s.Admin
	route(s, adminOp("overview", http.MethodGet, "/overview", "How the server is: numbers, never mail."),
		func(ctx context.Context, _ *struct{}) (*body[AdminOverview], error) { return maybeNot(ctx, a.Overview) })
	slow := adminOp("domains", http.MethodGet, "/domains", "What the DNS says of each domain, beside what it should say.")
	slow.time = time.Minute
	route(s, slow, func(ctx context.Context, _ *struct{}) (*body[adminDomains], error) {
		answer, err := maybeNot(ctx, a.Domains)
		if err != nil {
			return nil, err
		}
		return &body[adminDomains]{adminDomains{list(answer.Body)}}, nil
	})
	route(s, adminOp("reports", http.MethodGet, "/reports", "What other servers said of our domains: DMARC and TLS reports."),
		func(ctx context.Context, _ *struct{}) (*body[adminReports], error) {
			answer, err := maybeNot(ctx, a.Reports)
			if err != nil {
				return nil, err
			}
			return &body[adminReports]{adminReports{list(answer.Body)}}, nil
		})
	route(s, adminOp("hours", http.MethodGet, "/hours", "Mail by the hour, in numbers: of thirty days at most."),
		func(ctx context.Context, _ *struct{}) (*body[AdminHours], error) { return maybeNot(ctx, a.Hours) })
	adminAccounts(s)
	adminInvitations(s)
	adminQueue(s)
}

// list is never null in JSON.
func list[T any](all []T) []T { return append([]T{}, all...) }
