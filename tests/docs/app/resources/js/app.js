// The application's own script.
