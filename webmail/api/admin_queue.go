package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sealpost/smtp/outbound/queue"
)

// AdminQueueItem is a mail that waits to leave: to which domains, and not to whom.
type AdminQueueItem struct {
	ID         string           `json:"id"`
	Account    string           `json:"account,omitempty"`
	Created    time.Time        `json:"created"`
	Expires    time.Time        `json:"expires"`
	Size       int64            `json:"size"`
	Held       bool             `json:"held"`
	Sending    bool             `json:"sending"`
	Recipients []AdminRecipient `json:"recipients"`
}

type AdminRecipient struct {
	Domain   string    `json:"domain"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"`
	Reply    string    `json:"reply" doc:"the codes of what was said last; its words may name somebody"`
}

type adminQueueList struct {
	Items []AdminQueueItem `json:"items"`
}

type QueueID struct {
	ID string `path:"id" maxLength:"64"`
}

const mostQueued = 1000 // shown at once, the oldest first

func adminQueue(s service) {
	route(s, adminOp("queue", http.MethodGet, "/queue", "Mail that waits to leave, the oldest first, at most 1,000."),
		func(ctx context.Context, _ *struct{}) (*body[adminQueueList], error) {
			if s.Admin.Queue == nil {
				return nil, notFound()
			}
			mails, err := s.Admin.Queue.List(ctx)
			if err != nil {
				return nil, err
			}
			slices.SortStableFunc(mails, func(a, b queue.Mail) int { return a.Created.Compare(b.Created) })
			answer := adminQueueList{Items: []AdminQueueItem{}}
			for _, m := range mails[:min(len(mails), mostQueued)] {
				answer.Items = append(answer.Items, adminQueued(m))
			}
			return &body[adminQueueList]{answer}, nil
		})
	route(s, adminOp("retry", http.MethodPost, "/queue/{id}/retry", "Tries a mail now."),
		func(ctx context.Context, in *QueueID) (*struct{}, error) {
			return nil, s.inQueue(func(q *queue.Queue) error { return q.Retry(ctx, queue.ID(in.ID)) })
		})
	route(s, adminOp("hold", http.MethodPost, "/queue/{id}/hold", "Holds a mail back, or frees it."),
		func(ctx context.Context, in *struct {
			QueueID
			Body struct {
				Held bool `json:"held"`
			}
		}) (*struct{}, error) {
			return nil, s.inQueue(func(q *queue.Queue) error { return q.Hold(ctx, queue.ID(in.ID), in.Body.Held) })
		})
	route(s, adminOp("drop", http.MethodDelete, "/queue/{id}", "Removes a mail from the queue; its sender is told."),
		func(ctx context.Context, in *QueueID) (*struct{}, error) {
			if s.Admin.Drop == nil {
				return nil, notFound()
			}
			return nil, s.inQueue(func(*queue.Queue) error { return s.Admin.Drop(ctx, queue.ID(in.ID)) })
		})
}

// inQueue says of a mail of the queue what stands in its way.
func (a *API) inQueue(do func(*queue.Queue) error) error {
	if a.Admin.Queue == nil {
		return notFound()
	}
	err := do(a.Admin.Queue)
	switch {
	case errors.Is(err, queue.ErrNoSuch):
		return notFound()
	case errors.Is(err, queue.ErrBusy):
		return problem(http.StatusConflict, "being-sent", "This mail is being sent at this moment")
	case errors.Is(err, queue.ErrEarly):
		return problem(http.StatusConflict, "later", "Its sender asked for a later time")
	}
	return err
}

func adminQueued(m queue.Mail) AdminQueueItem {
	item := AdminQueueItem{
		ID: string(m.ID), Account: m.Account, Created: m.Created.UTC(), Expires: m.Expires.UTC(), Size: m.Size,
		Held: m.Held, Sending: m.Sending, Recipients: []AdminRecipient{},
	}
	for _, r := range m.Recipient {
		one := AdminRecipient{Domain: r.Address.Domain, Attempts: r.Attempts, Next: r.Next.UTC()}
		if r.Last.Code != 0 {
			one.Reply = fmt.Sprint(r.Last.Code, " ", r.Last.Enhanced)
		}
		item.Recipients = append(item.Recipients, one)
	}
	return item
}
