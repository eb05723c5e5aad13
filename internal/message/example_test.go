package message_test

import (
	"fmt"

	"github.com/genbatch/genbatch/internal/message"
)

func ExampleNearest() {
	columns := []string{"id", "review", "stars"}
	if near := message.Nearest("reveiw", columns); near != "" {
		fmt.Printf("did you mean %q?\n", near)
	}
	fmt.Printf("%q\n", message.Nearest("price", columns))
	// Output:
	// did you mean "review"?
	// ""
}
