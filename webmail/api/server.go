package api

import (
	"context"
	"net/http"
)

// Server is what a page needs before anybody signed in.
type Server struct {
	Hostname string   `json:"hostname"`
	Domains  []string `json:"domains" doc:"that accounts can be opened in"`
	Open     bool     `json:"open" doc:"anybody may sign up"`
	Version  string   `json:"version"`
}

// body is an answer that has only one.
type body[T any] struct{ Body T }

// answer is what an operation says that has nothing to add to what it was told.
func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

func server(s service) {
	route(s, op{
		name: "server", method: http.MethodGet, path: "/server", tag: "Signing in", access: forAnybody,
		about: "What a page needs before anybody signed in.",
	}, func(context.Context, *struct{}) (*body[Server], error) {
		return &body[Server]{Server{Hostname: s.Hostname, Domains: s.Book.Domains(), Open: s.Open, Version: s.Version}}, nil
	})
}
