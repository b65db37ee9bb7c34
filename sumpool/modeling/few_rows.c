/* Few rows through decoder layers with int8 weights: what `compiled.py` calls.

   All of a pass in one call, by as many threads as there are cores, which meet between one step and the next. Weights
   are widened on the way from memory to the multiplication, so that they are fetched at their size of a byte. Rows are
   rounded to whole numbers of up to 16 bits for it: of eight bits, too little would be left of a row's other numbers
   beside its few large ones.

   A row comes out the same to the bit, whatever stands beside it: products are exact, and all other sums run over the
   keys or the inputs in eight lanes, which are added in one order. That leaves out -ffast-math, which may change the
   order, and is why vectors are written out. */

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define LANES 8
#define WIDE 16 /* numbers in a vector of whole ones, of which sizes are multiples */
#define LINE 64 /* bytes in a line of the cache */
#define MAX_THREADS 64
#define PATIENCE 5000 /* turns of a loop, about 0.1 ms */
#define LOST 0.2       /* the share of a job's time without a core from which on others keep the cores busy */
#define SHORTEST 1e-3  /* seconds of a job that tells */
#define CALLS 100      /* jobs that are done by fewer threads then */
#define INLINE static inline __attribute__((always_inline))

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

/* Mirrored in compiled.py, field by field. */

typedef struct {
    const int8_t *weight; /* [outputs, inputs] */
    const float *scale;   /* [outputs] */
} Map;

typedef struct {
    const float *attention_norm, *feed_forward_norm; /* [size] */
    Map query, key, value, mix, gate, up, down;
} Layer;

typedef struct {
    int64_t layers, size, inner, heads, kv_heads, head_dim;
    float epsilon;
} Shape;

/* The cache of some rows: keys and values [layers, rows, kv_heads, capacity, head_dim] in bfloat16. */
typedef struct {
    uint16_t *keys, *values;
    int64_t layer_stride, row_stride, head_stride; /* in numbers */
} Cache;

/* The next tokens of each row. A token sees its row's first `trunks` keys, and of the `width` keys from there on, its
   own and those of other new tokens among them, the ones that `visible` says; none beyond. */
typedef struct {
    int64_t rows, tokens, width;
    const int64_t *lengths;      /* [rows] keys that are held */
    const int64_t *trunks;       /* [rows] */
    const uint8_t *visible;      /* [rows, tokens, width] */
    const float *cosines, *sines; /* [rows, tokens, head_dim], as `rotate` in layers.py takes them */
} Front;

/* ---- Vectors */

INLINE Floats load(const float *from) {
    Floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

INLINE void store(float *to, Floats x) { memcpy(to, &x, sizeof x); }

/* For AVX2, GCC widens vectors number by number, unless it is told how. */

INLINE Floats load_bfloat16(const uint16_t *from) {
#if defined(__AVX2__)
    return (Floats)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from)), 16);
#else
    Halves x;
    memcpy(&x, from, sizeof x);
    return (Floats)(__builtin_convertvector(x, Bits) << 16);
#endif
}

INLINE uint16_t round_bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

INLINE Floats all(float x) { return x - (Floats){0}; }

/* The sum of each of eight vectors, all added up in the same order. */
INLINE Floats sums(const Floats *x) {
#if defined(__AVX2__)
    __m256 low = _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
    __m256 high = _mm256_hadd_ps(_mm256_hadd_ps(x[4], x[5]), _mm256_hadd_ps(x[6], x[7]));
    return _mm256_permute2f128_ps(low, high, 0x20) + _mm256_permute2f128_ps(low, high, 0x31);
#else
    Floats out;
    for (int i = 0; i < LANES; i++)
        out[i] = (x[i][0] + x[i][1] + (x[i][2] + x[i][3])) + (x[i][4] + x[i][5] + (x[i][6] + x[i][7]));
    return out;
#endif
}

INLINE float sum(Floats x) { return (x[0] + x[1] + (x[2] + x[3])) + (x[4] + x[5] + (x[6] + x[7])); }

INLINE Floats smaller(Floats a, Floats b) { return (Floats)(((Ints)a & (a < b)) | ((Ints)b & ~(a < b))); }
INLINE Floats larger(Floats a, Floats b) { return (Floats)(((Ints)a & (a > b)) | ((Ints)b & ~(a > b))); }

INLINE float highest(Floats x) {
    float most = x[0];
    for (int i = 1; i < LANES; i++) most = x[i] > most ? x[i] : most;
    return most;
}

INLINE Ints round_to_whole(Floats x) {
    const float rounder = 12582912.0f; /* 1.5 * 2^23: adding it rounds to whole numbers */
    return __builtin_convertvector(x + rounder - rounder, Ints);
}

/* Cephes' expf: a power of two times a polynomial within half a binary step of zero. */
INLINE Floats exponential(Floats x) {
    x = larger(smaller(x, all(88.0f)), all(-87.0f));
    Ints power = round_to_whole(x * 1.44269504f);
    Floats steps = __builtin_convertvector(power, Floats);
    x = x - steps * 0.693359375f - steps * -2.12194440e-4f;
    Floats y = all(1.9875691500e-4f);
    y = y * x + 1.3981999507e-3f;
    y = y * x + 8.3334519073e-3f;
    y = y * x + 4.1665795894e-2f;
    y = y * x + 1.6666665459e-1f;
    y = y * x + 5.0000001201e-1f;
    y = y * x * x + x + 1.0f;
    return y * (Floats)((power + 127) << 23);
}

/* ---- Threads */

/* One job at a time for all of them, the caller's thread among them. Between jobs the others sleep. */

typedef void (*Work)(void *job, int thread, int threads);

static struct {
    pthread_mutex_t busy, lock;
    pthread_cond_t begun;
    int started;            /* threads beside the caller's */
    atomic_uint generation; /* of the job at hand */
    Work work;
    void *job;
    int threads; /* that the job is for */
    atomic_int arrived, left;
    atomic_uint turn;
    int fewer, calls; /* threads that jobs are for while others keep the cores busy, and for how many more jobs */
    float *scratch;   /* kept from job to job */
    int64_t room;
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER};

/* A fork takes no threads along but the one that forks, whatever the others were at. */
static void begin_anew(void) {
    pthread_mutex_init(&pool.busy, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.begun, NULL);
    pool.started = pool.threads = 0;
    pool.generation = 0;
    pool.arrived = 0;
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, begin_anew); }

INLINE void pause_briefly(int turns) {
    /* Where other programs want the core, the thread that is waited for may be among those that don't have one. */
    if (turns > 2000) sched_yield();
#if defined(__x86_64__)
    else __builtin_ia32_pause();
#endif
}

/* All threads of the job wait until all have come here. */
static void meet(int threads) {
    unsigned turn = atomic_load(&pool.turn);
    if (atomic_fetch_add(&pool.arrived, 1) + 1 == threads) {
        atomic_store(&pool.arrived, 0);
        atomic_store(&pool.turn, turn + 1);
        return;
    }
    for (int turns = 0; atomic_load(&pool.turn) == turn; turns++) pause_briefly(turns);
}

static void *serve(void *argument) {
    int thread = (int)(intptr_t)argument;
    unsigned seen = 0;
    for (;;) {
        /* The next job mostly comes soon, and waking up takes its time. */
        for (int turns = 0; turns < PATIENCE && atomic_load(&pool.generation) == seen; turns++) pause_briefly(0);
        pthread_mutex_lock(&pool.lock);
        while (pool.generation == seen || thread >= pool.threads) {
            seen = pool.generation;
            pthread_cond_wait(&pool.begun, &pool.lock);
        }
        seen = pool.generation;
        pthread_mutex_unlock(&pool.lock);
        pool.work(pool.job, thread, pool.threads);
        atomic_fetch_sub(&pool.left, 1);
    }
    return NULL;
}

/* One more thread; -1 if there can't be one. Signals are for the threads that there are without it. */
static int start_thread(void) {
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, serve, (void *)(intptr_t)(pool.started + 1));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return -1;
    pthread_detach(thread);
    pool.started++;
    return 0;
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

/* Have a job done by as many threads, or by half of them while other programs keep the cores busy: then all of them
   wait at every meeting for one that has no core. */
static void share(Work work, void *job, int threads) {
    if (pool.calls > 0) {
        pool.calls--;
        if (pool.fewer < threads) threads = pool.fewer;
    }
    while (pool.started < threads - 1 && start_thread() == 0) {}
    if (threads > pool.started + 1) threads = pool.started + 1;
    pthread_mutex_lock(&pool.lock);
    pool.work = work;
    pool.job = job;
    pool.threads = threads;
    atomic_store(&pool.left, threads - 1);
    pool.generation++;
    if (threads > 1) pthread_cond_broadcast(&pool.begun);
    pthread_mutex_unlock(&pool.lock);
    double clock = seconds(CLOCK_MONOTONIC), processor = seconds(CLOCK_THREAD_CPUTIME_ID);
    work(job, 0, threads);
    for (int turns = 0; atomic_load(&pool.left) > 0; turns++) pause_briefly(turns);
    clock = seconds(CLOCK_MONOTONIC) - clock;
    processor = seconds(CLOCK_THREAD_CPUTIME_ID) - processor;
    if (threads > 1 && clock - processor > LOST * clock && clock > SHORTEST) {
        pool.fewer = threads / 2;
        pool.calls = CALLS;
    }
}

/* The first of n that a thread does; its part ends where the next thread's begins. */
INLINE int64_t part(int64_t n, int thread, int threads) { return n * thread / threads; }

/* ---- Products */

/* Rows as they are multiplied, in memory of which there is enough for the longest. */
typedef struct {
    int16_t *steps; /* [rows, inputs] */
    float *step;    /* [rows] what one is worth */
    int64_t rows, inputs;
} Rounded;

/* x [rows, inputs] in whole steps: as many as sums have room for in 32 bits, whatever the weights. */
static void round_rows(const float *x, int64_t inputs, Rounded *to) {
    to->inputs = inputs;
    int64_t most = INT32_MAX / (128 * to->inputs);
    if (most > INT16_MAX) most = INT16_MAX;
    int16_t *out = to->steps;
    for (int64_t r = 0; r < to->rows; r++, x += to->inputs, out += to->inputs) {
        Floats largest = {0};
        for (int64_t i = 0; i < to->inputs; i += LANES) largest = larger(largest, larger(load(x + i), -load(x + i)));
        float step = highest(largest) / most;
        to->step[r] = step;
        float steps = step > 0 ? 1 / step : 0;
        for (int64_t i = 0; i < to->inputs; i += LANES) {
            Ints whole = round_to_whole(load(x + i) * steps);
            for (int j = 0; j < LANES; j++) out[i + j] = (int16_t)whole[j];
        }
    }
}

/* `outputs` rows of weights times `rows` of x; both constants where it is called, so that sums stay in registers. */
INLINE void tile(int outputs, int rows, const int8_t *weight, const float *scale, const int16_t *x, const float *step,
                 int64_t inputs, float *out, int64_t stride) {
#if defined(__AVX2__)
    __m256i totals[4][3] = {0};
    for (int64_t i = 0; i < inputs; i += WIDE) {
        /* What comes after the next tile: left to itself, a core fetches too little ahead. */
        if (i % LINE == 0)
            for (int o = 0; o < outputs; o++) __builtin_prefetch(weight + (outputs * 2 + o) * inputs + i);
        for (int o = 0; o < outputs; o++) {
            __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(weight + o * inputs + i)));
            for (int r = 0; r < rows; r++) {
                __m256i v = _mm256_loadu_si256((const __m256i *)(x + r * inputs + i));
                totals[o][r] = _mm256_add_epi32(totals[o][r], _mm256_madd_epi16(w, v));
            }
        }
    }
    for (int o = 0; o < outputs; o++) {
        for (int r = 0; r < rows; r++) {
            __m128i half = _mm_add_epi32(_mm256_castsi256_si128(totals[o][r]), _mm256_extracti128_si256(totals[o][r], 1));
            half = _mm_hadd_epi32(half, half);
            half = _mm_hadd_epi32(half, half);
            out[r * stride + o] = (float)_mm_cvtsi128_si32(half) * (step[r] * scale[o]);
        }
    }
#else
    for (int o = 0; o < outputs; o++) {
        for (int r = 0; r < rows; r++) {
            int32_t total = 0;
            for (int64_t i = 0; i < inputs; i++) total += (int32_t)weight[o * inputs + i] * x[r * inputs + i];
            out[r * stride + o] = (float)total * (step[r] * scale[o]);
        }
    }
#endif
}

/* The outputs first..end - 1 of a map of rounded rows -> out [rows, stride]. */
static void multiply(const Map *map, int64_t first, int64_t end, const Rounded *x, float *out, int64_t stride) {
    int64_t inputs = x->inputs;
    while (first < end) {
        int outputs = first + 4 <= end ? 4 : 1;
        const int8_t *weight = map->weight + first * inputs;
        const float *scale = map->scale + first;
        for (int64_t r = 0; r < x->rows;) {
            const int16_t *steps = x->steps + r * inputs;
            const float *step = x->step + r;
            float *to = out + r * stride + first;
            int64_t left = x->rows - r, rows = left == 4 ? 2 : left < 3 ? left : 3;
            if (outputs == 1) rows = 1, tile(1, 1, weight, scale, steps, step, inputs, to, stride);
            else if (rows == 3) tile(4, 3, weight, scale, steps, step, inputs, to, stride);
            else if (rows == 2) tile(4, 2, weight, scale, steps, step, inputs, to, stride);
            else tile(4, 1, weight, scale, steps, step, inputs, to, stride);
            r += rows;
        }
        first += outputs;
    }
}

/* A thread's part of a map's outputs -> out [rows, outputs]. */
static void multiply_part(const Map *map, int64_t outputs, int thread, int threads, const Rounded *x, float *out) {
    multiply(map, part(outputs, thread, threads), part(outputs, thread + 1, threads), x, out, outputs);
}

/* The same, added to `sum` [rows, outputs]; `out` is the thread's own. */
static void add_part(const Map *map, int64_t outputs, int thread, int threads, const Rounded *x, float *out,
                     float *sum) {
    multiply_part(map, outputs, thread, threads, x, out);
    for (int64_t r = 0; r < x->rows; r++)
        for (int64_t i = part(outputs, thread, threads); i < part(outputs, thread + 1, threads); i++)
            sum[r * outputs + i] += out[r * outputs + i];
}

/* ---- A stack of layers */

typedef struct {
    const Shape *shape;
    const Layer *layers;
    const Cache *cache;
    const Front *front;
    float *x;                                /* [rows * tokens, size] */
    float *queries, *keys, *values, *seen;   /* [rows * tokens, their width], for all threads */
    float *active, *raised;                  /* [rows * tokens, inner] */
    float *scores;                           /* [rows, heads, tokens, most], then the weights that they make */
    float *normed[MAX_THREADS];              /* [rows * tokens, size], each thread's own */
    Rounded rounded[MAX_THREADS];            /* whatever a map is given */
    float *widened[MAX_THREADS];             /* [LANES, head_dim] */
    int64_t most;                            /* keys, in whole vectors */
} Pass;

static void norm(const float *x, const float *weight, int64_t rows, int64_t size, float epsilon, float *out) {
    for (int64_t r = 0; r < rows; r++, x += size, out += size) {
        Floats squares = {0};
        for (int64_t i = 0; i < size; i += LANES) squares += load(x + i) * load(x + i);
        float scale = 1 / sqrtf(sum(squares) / size + epsilon);
        for (int64_t i = 0; i < size; i += LANES) store(out + i, load(x + i) * scale * load(weight + i));
    }
}

/* x [head_dim] turned by a position's angles. */
INLINE void rotate(const float *x, const float *cosines, const float *sines, int64_t head_dim, float *out) {
    int64_t half = head_dim / 2;
    for (int64_t i = 0; i < head_dim; i++) out[i] = x[i] * cosines[i] + x[i < half ? i + half : i - half] * sines[i];
}

INLINE int64_t place(const Pass *pass, int64_t layer, int64_t row, int64_t head) {
    const Cache *cache = pass->cache;
    return layer * cache->layer_stride + row * cache->row_stride + head * cache->head_stride;
}

/* Turns the new tokens' queries, and puts their keys, turned, and values into the cache: of one head of one row that
   keys and values are kept for. */
static void prepare(const Pass *pass, int64_t layer, int64_t row, int64_t head) {
    const Shape *shape = pass->shape;
    const Cache *cache = pass->cache;
    const Front *front = pass->front;
    int64_t d = shape->head_dim, narrow = shape->kv_heads * d, wide = shape->heads * d;
    int64_t sharing = shape->heads / shape->kv_heads;
    float turned[d], factor = 1 / sqrtf((float)d);
    for (int64_t t = 0; t < front->tokens; t++) {
        int64_t token = row * front->tokens + t;
        const float *cosines = front->cosines + token * d, *sines = front->sines + token * d;
        for (int64_t h = head * sharing; h < (head + 1) * sharing; h++) {
            float *query = pass->queries + token * wide + h * d;
            rotate(query, cosines, sines, d, turned);
            for (int64_t i = 0; i < d; i++) query[i] = turned[i] * factor;
        }
        rotate(pass->keys + token * narrow + head * d, cosines, sines, d, turned);
        const float *value = pass->values + token * narrow + head * d;
        int64_t to = place(pass, layer, row, head) + (front->lengths[row] + t) * d;
        for (int64_t i = 0; i < d; i++) cache->keys[to + i] = round_bfloat16(turned[i]);
        for (int64_t i = 0; i < d; i++) cache->values[to + i] = round_bfloat16(value[i]);
    }
}

/* Scores of the keys of one kept head of one row, those of one thread's vectors of keys, for all queries that share
   them. The keys' vectors are widened once for all queries. */
static void score(const Pass *pass, int64_t layer, int64_t row, int64_t head, int thread, int threads) {
    const Shape *shape = pass->shape;
    const Front *front = pass->front;
    int64_t d = shape->head_dim, tokens = front->tokens, wide = shape->heads * d;
    int64_t sharing = shape->heads / shape->kv_heads, last = front->lengths[row] + tokens;
    int64_t from = place(pass, layer, row, head), vectors = (last + LANES - 1) / LANES;
    float *keys = pass->widened[thread];
    for (int64_t v = part(vectors, thread, threads); v < part(vectors, thread + 1, threads); v++) {
        int64_t first = v * LANES, count = last - first < LANES ? last - first : LANES;
        for (int64_t i = 0; i < count * d; i += LANES)
            store(keys + i, load_bfloat16(pass->cache->keys + from + first * d + i));
        for (int64_t h = head * sharing; h < (head + 1) * sharing; h++) {
            for (int64_t t = 0; t < tokens; t++) {
                const float *query = pass->queries + (row * tokens + t) * wide + h * d;
                Floats dots[LANES] = {0};
                for (int64_t i = 0; i < d; i += LANES) {
                    Floats q = load(query + i);
                    for (int k = 0; k < LANES; k++) dots[k] += q * load(keys + k * d + i);
                }
                /* Keys beyond the last are what was there before; they are hidden like all that is not seen. */
                store(pass->scores + ((row * shape->heads + h) * tokens + t) * pass->most + first, sums(dots));
            }
        }
    }
}

/* Scores of one query head of one row -> weights. */
static void weigh(const Pass *pass, int64_t row, int64_t head) {
    const Front *front = pass->front;
    int64_t tokens = front->tokens, trunk = front->trunks[row], last = front->lengths[row] + tokens;
    int64_t end = (last + LANES - 1) / LANES * LANES;
    for (int64_t t = 0; t < tokens; t++) {
        float *scores = pass->scores + ((row * pass->shape->heads + head) * tokens + t) * pass->most;
        const uint8_t *visible = front->visible + (row * tokens + t) * front->width;
        for (int64_t key = trunk; key < end; key++)
            if (key >= last || key - trunk >= front->width || !visible[key - trunk]) scores[key] = -INFINITY;
        Floats most = all(-INFINITY);
        for (int64_t key = 0; key < end; key += LANES) most = larger(most, load(scores + key));
        float best = highest(most);
        Floats total = {0};
        for (int64_t key = 0; key < end; key += LANES) {
            Floats score = load(scores + key);
            Floats weight = (Floats)((Ints)exponential(score - best) & (score > all(-INFINITY)));
            store(scores + key, weight);
            total += weight;
        }
        float whole = sum(total), factor = whole > 0 ? 1 / whole : 0; /* padding may see nothing */
        for (int64_t key = 0; key < end; key += LANES) store(scores + key, load(scores + key) * factor);
    }
}

/* `vectors` of the values of one kept head, weighed for `queries` of those that share it; both constants where it is
   called. */
INLINE void gather(int queries, int vectors, const uint16_t *values, int64_t d, int64_t last,
                   const float *const *weights, float *const *out) {
    Floats gathered[3][4] = {0};
    for (int64_t key = 0; key < last; key++, values += d) {
        for (int v = 0; v < vectors; v++) {
            Floats value = load_bfloat16(values + v * LANES);
            for (int q = 0; q < queries; q++) gathered[q][v] += weights[q][key] * value;
        }
    }
    for (int q = 0; q < queries; q++)
        for (int v = 0; v < vectors; v++) store(out[q] + v * LANES, gathered[q][v]);
}

/* What all queries that share one kept head of one row gather of `vectors` of its values, from the number `first` on;
   a constant where it is called. */
INLINE void gather_slice(int vectors, const Pass *pass, int64_t layer, int64_t row, int64_t head, int64_t first) {
    const Shape *shape = pass->shape;
    int64_t d = shape->head_dim, tokens = pass->front->tokens, sharing = shape->heads / shape->kv_heads;
    int64_t last = pass->front->lengths[row] + tokens;
    const uint16_t *values = pass->cache->values + place(pass, layer, row, head) + first;
    for (int64_t q = 0; q < sharing * tokens;) {
        const float *weights[3];
        float *out[3];
        int queries = 0;
        for (; queries < 3 && q < sharing * tokens; q++, queries++) {
            int64_t h = head * sharing + q / tokens, t = q % tokens;
            weights[queries] = pass->scores + ((row * shape->heads + h) * tokens + t) * pass->most;
            out[queries] = pass->seen + ((row * tokens + t) * shape->heads + h) * d + first;
        }
        if (queries == 3) gather(3, vectors, values, d, last, weights, out);
        else if (queries == 2) gather(2, vectors, values, d, last, weights, out);
        else gather(1, vectors, values, d, last, weights, out);
    }
}

static void run_layers(void *job, int thread, int threads) {
    Pass *pass = job;
    const Shape *shape = pass->shape;
    int64_t rows = pass->front->rows * pass->front->tokens, size = shape->size, inner = shape->inner;
    int64_t wide = shape->heads * shape->head_dim, narrow = shape->kv_heads * shape->head_dim;
    int64_t slice = shape->head_dim % (4 * LANES) ? LANES : 4 * LANES, slices = shape->head_dim / slice;
    float *normed = pass->normed[thread];
    Rounded *rounded = &pass->rounded[thread];
    for (int64_t l = 0; l < shape->layers; l++) {
        const Layer *layer = pass->layers + l;
        norm(pass->x, layer->attention_norm, rows, size, shape->epsilon, normed);
        round_rows(normed, size, rounded);
        multiply_part(&layer->query, wide, thread, threads, rounded, pass->queries);
        multiply_part(&layer->key, narrow, thread, threads, rounded, pass->keys);
        multiply_part(&layer->value, narrow, thread, threads, rounded, pass->values);
        meet(threads);
        int64_t kept = pass->front->rows * shape->kv_heads, heads = pass->front->rows * shape->heads;
        for (int64_t i = part(kept, thread, threads); i < part(kept, thread + 1, threads); i++)
            prepare(pass, l, i / shape->kv_heads, i % shape->kv_heads);
        meet(threads);
        for (int64_t i = 0; i < kept; i++) score(pass, l, i / shape->kv_heads, i % shape->kv_heads, thread, threads);
        meet(threads);
        for (int64_t i = part(heads, thread, threads); i < part(heads, thread + 1, threads); i++)
            weigh(pass, i / shape->heads, i % shape->heads);
        meet(threads);
        for (int64_t i = part(kept * slices, thread, threads); i < part(kept * slices, thread + 1, threads); i++) {
            int64_t row = i / slices / shape->kv_heads, head = i / slices % shape->kv_heads, from = i % slices * slice;
            if (slice == LANES) gather_slice(1, pass, l, row, head, from);
            else gather_slice(4, pass, l, row, head, from);
        }
        meet(threads);
        round_rows(pass->seen, wide, rounded);
        add_part(&layer->mix, size, thread, threads, rounded, normed, pass->x);
        meet(threads);
        norm(pass->x, layer->feed_forward_norm, rows, size, shape->epsilon, normed);
        round_rows(normed, size, rounded);
        int64_t from = part(inner / LANES, thread, threads) * LANES, to = part(inner / LANES, thread + 1, threads) * LANES;
        multiply(&layer->gate, from, to, rounded, pass->active, inner);
        multiply(&layer->up, from, to, rounded, pass->raised, inner);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t i = r * inner + from; i < r * inner + to; i += LANES) {
                Floats gate = load(pass->active + i);
                store(pass->active + i, gate / (exponential(-gate) + 1.0f) * load(pass->raised + i));
            }
        }
        meet(threads);
        round_rows(pass->active, inner, rounded);
        add_part(&layer->down, size, thread, threads, rounded, normed, pass->x);
        meet(threads);
    }
}

/* ---- What compiled.py calls */

typedef struct {
    const Map *map;
    const float *x;
    int64_t outputs;
    float *out;
    Rounded rounded[MAX_THREADS];
} Product;

static void run_product(void *job, int thread, int threads) {
    Product *product = job;
    Rounded *rounded = &product->rounded[thread];
    round_rows(product->x, rounded->inputs, rounded);
    multiply_part(product->map, product->outputs, thread, threads, rounded, product->out);
}

/* Memory for a job, with the pool busy; NULL if there is none. */
static float *scratch(int64_t floats) {
    if (floats > pool.room) {
        float *grown = realloc(pool.scratch, floats * sizeof(float));
        if (grown == NULL) return NULL;
        pool.scratch = grown;
        pool.room = floats;
    }
    return pool.scratch;
}

/* Floats that rounded rows take, and their place there. */
static int64_t rounded_size(int64_t rows, int64_t inputs) { return rows * (inputs / 2 + 1); }

static Rounded rounded_at(float *place, int64_t rows, int64_t inputs) {
    return (Rounded){(int16_t *)(place + rows), place, rows, inputs};
}

/* x [rows, inputs] -> out [rows, outputs]; -1 if memory doesn't suffice. */
int sumpool_product(const Map *map, const float *x, int64_t rows, int64_t inputs, int64_t outputs, float *out,
                    int threads) {
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    Product product = {.map = map, .x = x, .outputs = outputs, .out = out};
    pthread_mutex_lock(&pool.busy);
    float *free = scratch(threads * rounded_size(rows, inputs));
    if (free != NULL) {
        for (int thread = 0; thread < threads; thread++, free += rounded_size(rows, inputs))
            product.rounded[thread] = rounded_at(free, rows, inputs);
        share(run_product, &product, threads);
    }
    pthread_mutex_unlock(&pool.busy);
    return free == NULL ? -1 : 0;
}

/* A stack of layers over x [rows * tokens, size], in place, behind what the cache holds; it takes up the new keys and
   values. -1 if memory doesn't suffice. */
int sumpool_layers(const Shape *shape, const Layer *layers, const Cache *cache, const Front *front, float *x,
                   int threads) {
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    int64_t n = front->rows * front->tokens, most = 0;
    for (int64_t row = 0; row < front->rows; row++)
        if (front->lengths[row] > most) most = front->lengths[row];
    most = (most + front->tokens + LANES - 1) / LANES * LANES;
    Pass pass = {.shape = shape, .layers = layers, .cache = cache, .front = front, .x = x, .most = most};
    int64_t wide = shape->heads * shape->head_dim, narrow = shape->kv_heads * shape->head_dim;
    int64_t longest = shape->inner > shape->size ? shape->inner : shape->size;
    if (wide > longest) longest = wide;
    int64_t own = n * shape->size + LANES * shape->head_dim + rounded_size(n, longest);
    pthread_mutex_lock(&pool.busy);
    float *free = scratch(n * (2 * wide + 2 * narrow + 2 * shape->inner + shape->heads * most) + threads * own);
    if (free != NULL) {
        pass.queries = free;
        pass.seen = pass.queries + n * wide;
        pass.keys = pass.seen + n * wide;
        pass.values = pass.keys + n * narrow;
        pass.active = pass.values + n * narrow;
        pass.raised = pass.active + n * shape->inner;
        pass.scores = pass.raised + n * shape->inner;
        free = pass.scores + n * shape->heads * most;
        for (int thread = 0; thread < threads; thread++, free += own) {
            pass.normed[thread] = free;
            pass.widened[thread] = free + n * shape->size;
            pass.rounded[thread] = rounded_at(pass.widened[thread] + LANES * shape->head_dim, n, longest);
        }
        share(run_layers, &pass, threads);
    }
    pthread_mutex_unlock(&pool.busy);
    return free == NULL ? -1 : 0;
}
