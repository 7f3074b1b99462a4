import bench.Event;
import java.io.IOException;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Tells Flink how events are written between operators and in state, in place of its reflection over their fields. */
final class EventType extends TypeInformation<Event> {
  static final EventType EVENT = new EventType();

  @Override
  public TypeSerializer<Event> createSerializer(SerializerConfig config) {
    return Serializer.INSTANCE;
  }

  @Override
  public Class<Event> getTypeClass() {
    return Event.class;
  }

  @Override
  public boolean isBasicType() {
    return false;
  }

  @Override
  public boolean isTupleType() {
    return false;
  }

  @Override
  public boolean isKeyType() {
    return false;
  }

  @Override
  public int getArity() {
    return 1;
  }

  @Override
  public int getTotalFields() {
    return 1;
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof EventType;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof EventType;
  }

  @Override
  public int hashCode() {
    return EventType.class.hashCode();
  }

  @Override
  public String toString() {
    return "Event";
  }

  /** A copy is the event itself: its answers alone are written after it was made, each by one function, which owns it then. */
  static final class Serializer extends TypeSerializerSingleton<Event> {
    static final Serializer INSTANCE = new Serializer();

    @Override
    public boolean isImmutableType() {
      return true;
    }

    @Override
    public Event createInstance() {
      return new Event();
    }

    @Override
    public Event copy(Event event) {
      return event;
    }

    @Override
    public Event copy(Event event, Event reuse) {
      return event;
    }

    @Override
    public int getLength() {
      return -1;
    }

    @Override
    public void serialize(Event event, DataOutputView out) throws IOException {
      event.write(out);
    }

    @Override
    public Event deserialize(DataInputView in) throws IOException {
      return Event.read(in);
    }

    @Override
    public Event deserialize(Event reuse, DataInputView in) throws IOException {
      return Event.read(in);
    }

    @Override
    public void copy(DataInputView in, DataOutputView out) throws IOException {
      Event.read(in).write(out);
    }

    @Override
    public TypeSerializerSnapshot<Event> snapshotConfiguration() {
      return new Snapshot();
    }
  }

  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Event> {
    public Snapshot() {
      super(() -> Serializer.INSTANCE);
    }
  }
}
