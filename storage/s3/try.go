package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"sealpost/filestore/packs"
)

// Try does once all that the engine needs of an endpoint, with an object of its own that it
// removes, and says what does not work. It needs no index. Objects of a try stand in a folder
// that is no store's: zeros.
func Try(ctx context.Context, to Endpoint, o Options) error {
	b := &Blobs{o: o.withDefaults(), endpoints: map[string]*endpoint{}}
	if err := b.connect(to); err != nil {
		return err
	}
	e := b.endpoints[to.Name]
	defer e.transport.CloseIdleConnections()
	var key packs.Key
	rand.Read(key[:])
	body := make([]byte, 4096)
	rand.Read(body)
	if err := e.put(ctx, key, body); err != nil {
		return fmt.Errorf("write an object: %w", err)
	}
	err := e.tryOthers(ctx, key, body)
	if gone := e.remove(context.WithoutCancel(ctx), key); gone != nil {
		return errors.Join(err, fmt.Errorf("remove an object: %w", gone))
	}
	return err
}

// tryOthers does what may be done with an object that is there.
func (e *endpoint) tryOthers(ctx context.Context, key packs.Key, body []byte) error {
	part := make([]byte, 1000)
	if err := e.persist(ctx, len(part), e.reading(key, 2000, part)); err != nil {
		return fmt.Errorf("read a part of an object: %w", err)
	}
	if !bytes.Equal(part, body[2000:3000]) {
		return errors.New("another part of an object came back than was asked for")
	}
	if size, err := e.size(ctx, key); err != nil {
		return fmt.Errorf("ask for the size of an object: %w", err)
	} else if size != int64(len(body)) {
		return fmt.Errorf("an object of %d octets is said to have %d", len(body), size)
	}
	return errors.Join(e.tryOver(ctx, key, body), e.tryList(ctx, key), e.tryParts(ctx, key))
}

// tryOver writes an object over, which has to be refused.
func (e *endpoint) tryOver(ctx context.Context, key packs.Key, body []byte) error {
	other := append(body, body...)
	sum, hash := digests(other)
	err := e.persist(ctx, len(other), func(ctx context.Context) error {
		_, err := e.core.PutObject(ctx, e.Bucket, e.name(key), bytes.NewReader(other), int64(len(other)), sum, hash, putOptions())
		return err
	})
	if err == nil {
		return errors.New("an object was written over: the provider does not honour If-None-Match")
	}
	if !errors.Is(err, errExists) && (errors.Is(err, errRefused) || !e.stands(ctx, key, body)) {
		return fmt.Errorf("try to write an object over: %w", err)
	}
	return nil
}

func (e *endpoint) tryList(ctx context.Context, key packs.Key) error {
	listed := false
	for o, err := range e.list(ctx) {
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		listed = listed || o.key == key
	}
	if !listed {
		return errors.New("an object that was written is not in the list of objects")
	}
	return nil
}

func (e *endpoint) tryParts(ctx context.Context, key packs.Key) error {
	id, err := e.beginParts(ctx, key)
	if err != nil {
		return fmt.Errorf("begin an upload in parts: %w", err)
	}
	if _, err = e.unfinishedUploads(ctx); err != nil {
		err = fmt.Errorf("list uploads in parts: %w", err)
	}
	if wrong := e.abort(context.WithoutCancel(ctx), e.name(key), id); wrong != nil {
		err = errors.Join(err, fmt.Errorf("end an upload in parts: %w", wrong))
	}
	return err
}
