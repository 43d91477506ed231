/* ops_tiles.c -- ops_rows.c where BF16 matrices are multiplied by tiles. */
#define PRODUCTS "tiles"
#include "ops_rows.c"
