package media

import (
	"testing"

	"github.com/genbatch/genbatch/internal/objecttest"
)

// A cell reaches objects below the media root, and no other, however it names them.
func TestBelowAddress(t *testing.T) {
	_, root := objecttest.New()
	images := root + "images/"
	for _, tt := range []struct{ root, name, want string }{
		{images, "cat.png", "cat.png"},
		{images, "./cats/1 (2).png", "cats/1 (2).png"},
		{root + "images", "cat.png", "cat.png"},
		{images, images + "cats/a.png", "cats/a.png"},
		{root + "images", images + "a.png", "a.png"},
		{root, images + "a.png", "images/a.png"},
		{images, "a//b.png", "a//b.png"}, // keys have no folders
		{images, root + "imagesalt/a.png", ""},
		{images, root + "private/a.png", ""},
		{images, images + "../private/a.png", ""},
		{images, "cats/../../private/a.png", ""},
		{images, "/etc/passwd", ""},
		{images, images, ""},
		{images, "", ""},
		{images, ".env", ""},
		{images, "cats/.hidden/a.png", ""},
		{images, "a\x00b", ""},
		{"/home/me/images", images + "a.png", ""},
	} {
		got, err := belowAddress(tt.root, tt.name)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%q below %q: %q, %v, want %q", tt.name, tt.root, got, err, tt.want)
		}
	}
}
