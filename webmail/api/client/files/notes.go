package files

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client"
)

// keepNote stores what the owner's devices remember of a link or a request.
func keepNote[N sealed.LinkNote | sealed.AskNote](ctx context.Context, d *Drive, item string, n N) error {
	box, err := sealed.SealNote(d.Boxes, item, n)
	if err != nil {
		return fmt.Errorf("keep the link: %w", err)
	}
	if _, err := d.Server.PutBox(ctx, sealed.Drawer, item, 0, box); err != nil {
		return fmt.Errorf("keep the link: %w", err)
	}
	return nil
}

// readNotes reads what is remembered of some, by id. What is not there, or does not open,
// is left out: the list shows what the server says of it all the same.
func readNotes[N sealed.LinkNote | sealed.AskNote](ctx context.Context, d *Drive, ids []string, item func(id string) string) (map[string]N, error) {
	notes := map[string]N{}
	var failed error
	var mu sync.Mutex
	var all sync.WaitGroup
	turn := make(chan struct{}, lanes)
	for _, id := range ids {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			box, version, err := d.Server.Box(ctx, sealed.Drawer, item(id))
			mu.Lock()
			defer mu.Unlock()
			var p *client.Problem
			switch {
			case errors.As(err, &p) && p.Status == http.StatusNotFound:
			case err != nil:
				failed = errors.Join(failed, fmt.Errorf("read the link: %w", err))
			default:
				if n, err := sealed.OpenNote[N](d.Boxes, item(id), version, box); err == nil {
					notes[id] = n
				}
			}
		})
	}
	all.Wait()
	return notes, failed
}
