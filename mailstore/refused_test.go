package mailstore

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	if !Refused(fmt.Errorf("enter into index: %w", ErrOverQuota)) {
		t.Error("a wrapped refusal is not known")
	}
	for _, err := range []error{nil, context.Canceled, errors.New("commit: input/output error")} {
		if Refused(err) {
			t.Errorf("%v counts as a refusal: blobs would be deleted that an entry may point at", err)
		}
	}
}
