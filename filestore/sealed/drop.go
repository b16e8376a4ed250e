package sealed

import (
	"fmt"
	"slices"

	"sealpost/pgp/keyring"
)

const (
	dropInfo = "sealpost drop v1"
	// DropPurpose names the owner's key to which strangers seal what they bring
	// (keyring.Owner.Receiver).
	DropPurpose = "drops"
	maxDrop     = 4 << 10
)

// SealDrop seals the head of a file that a stranger brings to the key that the request
// named. The server gives the ids.
func SealDrop(a Ask, request string, o Object, h Head) ([]byte, error) {
	if !objectID.MatchString(request) || !objectID.MatchString(o.ID) || o.Size != Size(h.Length) {
		return nil, fmt.Errorf("seal drop: expected the ids of request and object, and the size that the head gives")
	}
	plain, err := h.encode()
	if err != nil {
		return nil, fmt.Errorf("seal drop: %w", err)
	}
	return keyring.SealTo(a.Key, dropInfo, dropText(request, o), plain)
}

// OpenDrop opens the head of a file that a stranger brought. Who brought it is not
// proved by anything.
func OpenDrop(r keyring.Receiver, request string, o Object, drop []byte) (Head, error) {
	if len(drop) > maxDrop {
		return Head{}, ErrClosed
	}
	plain, err := r.Open(dropInfo, dropText(request, o), drop)
	if err != nil {
		return Head{}, ErrClosed
	}
	h, err := decodeHead(plain)
	if err != nil || Size(h.Length) != o.Size {
		return Head{}, ErrClosed
	}
	return h, nil
}

func dropText(request string, o Object) []byte {
	return slices.Concat([]byte("request="+request+" "), []byte(o.text()))
}
