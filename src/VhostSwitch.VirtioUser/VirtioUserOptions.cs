using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.VirtioUser;

/// <summary>What a <see cref="VirtioUserPort"/> is made of. Where DPDK's <c>virtio_user</c> has the same option, the default is the same.</summary>
public sealed record VirtioUserOptions
{
    /// <summary>The features of an ordinary driver: version 1 and mergeable receive buffers.</summary>
    public const Features DefaultFeatures = Features.Version1 | Features.MrgRxbuf;

    /// <summary>What this driver can do, or can leave unused without harm. Anything else is refused.</summary>
    public const Features SupportedFeatures = Features.Version1 | Features.MrgRxbuf | Features.EventIdx | Features.IndirectDesc | Features.AnyLayout
        | Features.RingPacked | Features.InOrder
        | Features.Csum | Features.HostTso4 | Features.HostTso6 | Features.HostEcn | Features.HostUfo | Features.Mq;

    /// <summary>The most memory files: one descriptor each, and a message of the protocol carries eight.</summary>
    public const int MaxMemoryRegions = 8;

    /// <summary>Bytes of the smallest buffer; larger ones have a multiple of it.</summary>
    public const int BufferUnit = 2048;

    /// <summary>The back-end's socket.</summary>
    public required string Path { get; init; }

    /// <summary>The port's own address.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The most queue pairs.</summary>
    public const int MaxQueues = 128;

    /// <summary>Queue pairs. More than one asks the back-end for <see cref="Virtio.Features.Mq"/>; all of them are used.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>Entries of each ring: a power of two, or with <see cref="Virtio.Features.RingPacked"/> any number.</summary>
    public int QueueSize { get; init; } = 256;

    /// <summary>The features asked for; what the back-end does not offer is left out.</summary>
    public Features Features { get; init; } = DefaultFeatures;

    /// <summary>Bytes of one buffer, header included: a multiple of <see cref="BufferUnit"/>.</summary>
    public int BufferSize { get; init; } = BufferUnit;

    /// <summary>Buffers frames are received into; null for as many as the ring has entries.</summary>
    public int? ReceiveBuffers { get; init; }

    /// <summary>Buffers frames are sent from; null for as many as the ring has entries.</summary>
    public int? TransmitBuffers { get; init; }

    /// <summary>
    /// Into how many memory files rings and buffers are split, 1 to <see cref="MaxMemoryRegions"/>. Every queue has buffers in each
    /// of them.
    /// </summary>
    public int MemoryRegions { get; init; } = 1;

    /// <summary>
    /// The first guest-physical address, a multiple of the page size. Null uses this process's own addresses for both, as DPDK
    /// does; a number puts the regions there with gaps between them, as a virtual machine has them.
    /// </summary>
    public ulong? GuestPhysicalStart { get; init; }

    /// <summary>How long the back-end may take for one answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Refuses what cannot work.</summary>
    /// <exception cref="ArgumentException">One sentence that says which option and what it takes.</exception>
    public void Validate()
    {
        if (string.IsNullOrEmpty(Path))
            throw new ArgumentException("path is empty; it takes the socket of a vhost-user back-end", nameof(Path));
        if (System.Text.Encoding.UTF8.GetByteCount(Path) > UnixSocket.MaxPathBytes)
            throw new ArgumentException($"path {Path} is longer than the {UnixSocket.MaxPathBytes} bytes a socket path can have", nameof(Path));
        if (Mac.IsGroup || Mac.Value == 0)
            throw new ArgumentException($"mac {Mac} is no address of a single station", nameof(Mac));
        if (Queues is < 1 or > MaxQueues)
            throw new ArgumentException($"queues={Queues}: 1 to {MaxQueues} queue pairs", nameof(Queues));
        bool packed = (Features & Features.RingPacked) != 0;
        if (QueueSize < 2 || !(packed ? PackedLayout.IsValidSize((uint)QueueSize) : SplitLayout.IsValidSize((uint)QueueSize)))
        {
            string sizes = packed ? $"a packed ring has 2 to {PackedLayout.MaxSize} entries"
                : $"a split ring has a power of two of entries, 2 to {SplitLayout.MaxSize}";
            throw new ArgumentException($"queue_size={QueueSize}: {sizes}", nameof(QueueSize));
        }
        if ((Features & ~SupportedFeatures) is not Features.None and var others)
            throw new ArgumentException($"features: {string.Join(", ", FeatureNames.Of(others))} not built in this driver", nameof(Features));
        if ((Features & (Features.RingPacked | Features.InOrder)) != 0 && (Features & Features.Version1) == 0)
            throw new ArgumentException("features: RING_PACKED and IN_ORDER need VERSION_1; a legacy device knows neither", nameof(Features));
        if (BufferSize < BufferUnit || BufferSize % BufferUnit != 0 || BufferSize > 65536)
            throw new ArgumentException($"buffer size {BufferSize}: a multiple of {BufferUnit}, at most 65536", nameof(BufferSize));
        if (ReceiveBuffers is { } receive && (receive < 1 || receive > QueueSize))
            throw new ArgumentException($"{receive} receive buffers: 1 to queue_size ({QueueSize})", nameof(ReceiveBuffers));
        if (TransmitBuffers is { } transmit && (transmit < 1 || transmit > QueueSize))
            throw new ArgumentException($"{transmit} transmit buffers: 1 to queue_size ({QueueSize})", nameof(TransmitBuffers));
        if (MemoryRegions is < 1 or > MaxMemoryRegions)
            throw new ArgumentException($"{MemoryRegions} memory regions: 1 to {MaxMemoryRegions}", nameof(MemoryRegions));
        if (GuestPhysicalStart is { } start && (start % (ulong)Environment.SystemPageSize != 0 || start > 1UL << 46))
            throw new ArgumentException($"guest-physical start 0x{start:x}: a multiple of the page size, at most 2^46", nameof(GuestPhysicalStart));
        if (Timeout <= TimeSpan.Zero || Timeout > TimeSpan.FromHours(1))
            throw new ArgumentException("timeout: more than 0 and at most an hour", nameof(Timeout));
    }
}

/// <summary>The back-end refused, did not answer or broke the protocol. The message is one sentence with the socket's path.</summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">What lies behind it, if anything.</param>
public sealed class VirtioUserException(string message, Exception? inner = null) : Exception(message, inner);
