namespace VhostSwitch.Dataplane;

/// <summary>
/// Why a frame went nowhere. Each is a counter of its own, under <see cref="DropReasons.Name"/> in every output and in
/// docs/drops.md.
/// </summary>
public enum DropReason : byte
{
    /// <summary>Shorter than an Ethernet header. Counted where it came in.</summary>
    Runt,

    /// <summary>Longer than the largest frame. Counted where it came in.</summary>
    Oversize,

    /// <summary>The offload fields of its header contradict the frame or its headers. Counted where it came in.</summary>
    BadOffload,

    /// <summary>It came from a queue that is started but disabled. Counted where it came in.</summary>
    QueueDisabled,

    /// <summary>Its destination is the port it came from. Counted where it came in.</summary>
    SamePort,

    /// <summary>No port is known for its destination and there is none to try. Counted where it came in.</summary>
    UnknownDestination,

    /// <summary>Its destination is one of the group addresses that bridges do not forward, 01-80-c2-00-00-00 to -0f. Counted where it came in.</summary>
    ReservedGroup,

    /// <summary>Its type says that it has a VLAN tag, and it ends within that. Counted where it came in.</summary>
    TruncatedTag,

    /// <summary>The port it came in by carries no frames of its VLAN, or none with a tag. Counted where it came in.</summary>
    VlanNotCarried,

    /// <summary>The port it came in by is the output of a mirror, which takes no frames. Counted where it came in.</summary>
    MirrorOutput,

    /// <summary>It came in beyond the rate that its port is allowed. Counted where it came in.</summary>
    Policed,

    /// <summary>Patch ports lead it round and round, or it would leave in too many copies. Counted where it came in.</summary>
    ForwardingLoop,

    /// <summary>It came in by a protected port, and its destination is behind another one. Counted where it came in.</summary>
    Protected,

    /// <summary>It came from a device whose address another device has (vmdq mode). Counted where it came in.</summary>
    NotRegistered,

    /// <summary>It came from the uplink and no device has both its address and its VLAN tag (vmdq mode). Counted where it came in.</summary>
    PoolMismatch,

    /// <summary>The port it should leave by has no queue running. Counted where it came in.</summary>
    ReceiverDown,

    /// <summary>The queue it should leave by had no buffer left, after the retries. Counted where it should have left.</summary>
    ReceiverFull,

    /// <summary>The receiver's buffer is too short and it does not take frames in several. Counted where it should have left.</summary>
    ReceiverBufferTooSmall,

    /// <summary>It carries offload work that the receiver did not agree to take, and nobody did it. Counted where it should have left.</summary>
    OffloadUnsupported,

    /// <summary>The receiver's queue broke the rules while the frame was on its way. Counted where it should have left.</summary>
    ReceiverBroken,

    /// <summary>The interface it should leave by is down or gone. Counted where it should have left.</summary>
    InterfaceDown,

    /// <summary>It is longer than the interface it should leave by takes. Counted where it should have left.</summary>
    ExceedsMtu,

    /// <summary>The interface it should leave by refused it. Counted where it should have left.</summary>
    InterfaceRefused,

    /// <summary>It arrived at an interface faster than the switch took frames from it. Counted where it came in, from the kernel's own count.</summary>
    InterfaceOverrun,
}

/// <summary>The names of drop reasons.</summary>
public static class DropReasons
{
    /// <summary>How many reasons there are.</summary>
    public const int Count = (int)DropReason.InterfaceOverrun + 1;

    private static readonly string[] Names =
    [
        "runt", "oversize", "bad_offload", "queue_disabled", "same_port", "unknown_destination", "reserved_group", "truncated_tag",
        "vlan_not_carried", "mirror_output", "policed", "forwarding_loop", "protected", "not_registered", "pool_mismatch", "receiver_down",
        "receiver_full", "receiver_buffer_too_small", "offload_unsupported", "receiver_broken", "interface_down", "exceeds_mtu", "interface_refused",
        "interface_overrun",
    ];

    /// <summary>The reason's name in every output.</summary>
    /// <param name="reason">The reason.</param>
    public static string Name(DropReason reason) => Names[(int)reason];
}
