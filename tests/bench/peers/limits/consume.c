/* librdkafka, consume only: what can be read at all. consume BOOTSTRAP TOPIC PARTITIONS EVENTS */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 10000 };

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *settings, const char *name, const char *value) {
    char error[512];
    rd_kafka_conf_res_t answer = rd_kafka_conf_set(settings, name, value, error, sizeof error);
    if (answer == RD_KAFKA_CONF_UNKNOWN) return; /* an older library: fetch.queue.backoff.ms came with 2.2 */
    if (answer != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: consume BOOTSTRAP TOPIC PARTITIONS EVENTS\n");
        return 2;
    }
    char error[512];
    int partitions = atoi(arguments[3]);
    long wanted = atol(arguments[4]), events = 0, bytes = 0;
    rd_kafka_conf_t *settings = rd_kafka_conf_new();
    set(settings, "bootstrap.servers", arguments[1]);
    set(settings, "group.id", "limit");
    set(settings, "enable.auto.commit", "false");
    set(settings, "fetch.queue.backoff.ms", "2");
    set(settings, "queued.min.messages", "500000");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, settings, error, sizeof error);
    if (client == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(partitions);
    for (int number = 0; number < partitions; number++)
        rd_kafka_topic_partition_list_add(places, arguments[2], number)->offset = 0;
    rd_kafka_assign(client, places);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    static rd_kafka_message_t *messages[BATCH];
    double started = 0;
    while (events < wanted) {
        ssize_t found = rd_kafka_consume_batch_queue(queue, 1000, messages, BATCH);
        if (found > 0 && started == 0) started = now();
        for (ssize_t index = 0; index < found; index++) {
            if (!messages[index]->err) {
                events++;
                bytes += (long)messages[index]->len;
            }
            rd_kafka_message_destroy(messages[index]);
        }
    }
    printf("RESULT {\"events\": %ld, \"seconds\": %.3f, \"version\": \"%s\", \"bytes\": %ld}\n", events, now() - started,
           rd_kafka_version_str(), bytes);
    fflush(stdout);
    _Exit(0);
}
