/* The best classes of a picture: classify PICTURE [LABELS]
 *
 * PICTURE is a binary PPM of any size (`pngtopnm`, `convert photo.jpg photo.ppm`, or Pillow write
 * it), LABELS a text file with one class a line. The network takes a square of RGB in -1 to 1, as
 * those with `preprocess: inception` or `whole` do; the picture is cut to its central square and
 * resized by averaging what falls on each pixel.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include HEADER

#define CHANNELS 3
#define SIDE_AT_MOST 16384
#define BEST 5

static _Alignas(ALIGNMENT) float input[INPUT_BYTES / sizeof(float)];
static _Alignas(ALIGNMENT) float output[OUTPUT_BYTES / sizeof(float)];
static _Alignas(ALIGNMENT) unsigned char workspace[WORKSPACE_BYTES];

typedef struct {
  int width, height;
  unsigned char *pixels; /* RGB, row by row */
} Picture;

static int fail(const char *what, const char *path) {
  fprintf(stderr, "classify: %s: %s\n", path, what);
  return 2;
}

/* The next number of a PPM's header; comments run from # to the end of a line. */
static int header_number(FILE *file) {
  int c = fgetc(file), value = 0;
  while (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '#') {
    while (c == '#' && c != EOF) {
      do c = fgetc(file); while (c != '\n' && c != EOF);
    }
    c = fgetc(file);
  }
  if (c < '0' || c > '9') return -1;
  for (; c >= '0' && c <= '9'; c = fgetc(file)) {
    value = value * 10 + (c - '0');
    if (value > SIDE_AT_MOST) return -1;
  }
  return value;
}

static const char *read_picture(const char *path, Picture *picture) {
  FILE *file = fopen(path, "rb");
  if (!file) return "cannot be read";
  const char *problem = "no binary PPM (P6) with values of 8 bits";
  if (fgetc(file) == 'P' && fgetc(file) == '6') {
    picture->width = header_number(file);
    picture->height = header_number(file);
    if (header_number(file) == 255 && picture->width > 0 && picture->height > 0) {
      size_t bytes = (size_t)picture->width * (size_t)picture->height * CHANNELS;
      picture->pixels = malloc(bytes);
      problem = "is cut off, or too large";
      if (picture->pixels && fread(picture->pixels, 1, bytes, file) == bytes) problem = NULL;
    }
  }
  fclose(file);
  return problem;
}

/* Fill the input from the central square, by the mean of the pixels that each of its own covers. */
static void prepare(const Picture *picture, int side) {
  int square = picture->width < picture->height ? picture->width : picture->height;
  int left = (picture->width - square) / 2, top = (picture->height - square) / 2;
  for (int row = 0; row < side; row++) {
    for (int column = 0; column < side; column++) {
      int y0 = row * square / side, y1 = (row + 1) * square / side;
      int x0 = column * square / side, x1 = (column + 1) * square / side;
      if (y1 == y0) y1++;
      if (x1 == x0) x1++;
      for (int channel = 0; channel < CHANNELS; channel++) {
        long sum = 0;
        for (int y = y0; y < y1; y++)
          for (int x = x0; x < x1; x++)
            sum += picture->pixels[((size_t)(top + y) * picture->width + left + x) * CHANNELS
                                   + channel];
        float mean = (float)sum / (float)((y1 - y0) * (x1 - x0));
        input[(row * side + column) * CHANNELS + channel] = mean / 127.5f - 1.0f;
      }
    }
  }
}

static void print_label(const char *path, int class) {
  char line[256] = "";
  FILE *file = path ? fopen(path, "r") : NULL;
  for (int at = 0; file && at <= class; at++)
    if (!fgets(line, sizeof line, file)) line[0] = 0;
  if (file) fclose(file);
  line[strcspn(line, "\r\n")] = 0;
  if (line[0]) printf("%s\n", line);
  else printf("class %d\n", class);
}

int main(int count, char **arguments) {
  if (count < 2 || count > 3) return fail("PICTURE [LABELS]", "usage: classify");
  int pixels = (int)(INPUT_BYTES / sizeof(float) / CHANNELS), side = 1;
  while (side * side < pixels) side++;
  if (side * side != pixels) return fail("takes no square of three channels", "the network");

  Picture picture = {0, 0, NULL};
  const char *problem = read_picture(arguments[1], &picture);
  if (problem) return fail(problem, arguments[1]);
  prepare(&picture, side);
  free(picture.pixels);
  if (RUN(input, output, workspace)) return fail("did not run", "the network");

  int classes = (int)(OUTPUT_BYTES / sizeof(float));
  for (int place = 0; place < BEST && place < classes; place++) {
    int best = 0;
    for (int class = 1; class < classes; class++)
      if (output[class] > output[best]) best = class;
    printf("%10.4f  ", output[best]);
    print_label(count == 3 ? arguments[2] : NULL, best);
    output[best] = -1e30f;
  }
  return 0;
}
