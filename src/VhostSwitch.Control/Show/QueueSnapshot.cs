using System.Text.Json.Serialization;

namespace VhostSwitch.Control.Show;

/// <summary>Which way frames go through a queue.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<QueueDirection>))]
public enum QueueDirection
{
    /// <summary>From the switch into the guest's memory: the guest's receive queue.</summary>
    [JsonStringEnumMemberName("to-guest")]
    ToGuest,

    /// <summary>Out of the guest's memory: the guest's transmit queue.</summary>
    [JsonStringEnumMemberName("from-guest")]
    FromGuest,

    /// <summary>From the switch to an interface, a file or whatever else the port stands for.</summary>
    [JsonStringEnumMemberName("to-wire")]
    ToWire,

    /// <summary>From there into the switch.</summary>
    [JsonStringEnumMemberName("from-wire")]
    FromWire,
}

/// <summary>One queue of a <see cref="PortSnapshot"/>. Counters count since the queue's port was made.</summary>
/// <param name="Index">The vring's index in the vhost-user protocol.</param>
/// <param name="Direction">Which way frames go.</param>
/// <param name="PollThread">
/// The index of the poll thread that owns it; null where none does, as for queues to a guest, which every thread may write.
/// </param>
/// <param name="Size">The number of descriptors; 0 before the front-end has set it.</param>
/// <param name="Enabled">True when the front-end has enabled it.</param>
/// <param name="Frames">Frames taken from the guest, or handed to it.</param>
/// <param name="Bytes">The bytes of <paramref name="Frames"/>, without virtio-net headers.</param>
/// <param name="Notifications">Notifications sent to the guest.</param>
/// <param name="Drops">
/// Dropped frames by reason, under the names of <see cref="Dataplane.DropReasons"/> and in their order; reasons that never
/// occurred may be left out.
/// </param>
public sealed record QueueSnapshot(
    int Index,
    QueueDirection Direction,
    int? PollThread,
    int Size,
    bool Enabled,
    ulong Frames,
    ulong Bytes,
    ulong Notifications,
    IReadOnlyDictionary<string, ulong> Drops)
{
    /// <summary>The drops of this queue, whatever their reason. A method, so that it stays out of the JSON, where the port has the sum.</summary>
    public ulong DropsTotal() => Drops.Values.Aggregate(0UL, (sum, count) => sum + count);
}
