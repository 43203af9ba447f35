namespace VhostSwitch.Virtio;

/// <summary>How a device broke the rules of a ring. A ring with a fault stays broken until it is set up anew.</summary>
public enum DriverRingFault
{
    /// <summary>No fault.</summary>
    None,

    /// <summary>The used index is ahead of what was made available (VIRTIO 1.2, 2.7.8).</summary>
    UsedIndexTooFarAhead,

    /// <summary>A used entry names a descriptor or buffer that is not below the ring's size (2.7.8, 2.8.6).</summary>
    UsedIdOutOfRange,

    /// <summary>A used entry names no outstanding chain: never made available, or returned already (2.7.8, 2.8.6).</summary>
    UsedIdNotOutstanding,

    /// <summary>A used entry tells more written bytes than the chain has for writing (2.7.8.2, 2.8.4).</summary>
    UsedLengthTooLong,

    /// <summary>With <see cref="Features.InOrder"/>: a used entry names a later chain than the used index covers (2.7.9).</summary>
    UsedOutOfOrder,

    /// <summary>A received frame is shorter than the header that every frame has (5.1.6.4).</summary>
    ShorterThanHeader,

    /// <summary>A received frame spans no buffer, or more buffers than were used with it (5.1.6.4).</summary>
    BadBufferCount,
}

/// <summary>How a fault of a device is told to people.</summary>
public static class DriverRingFaults
{
    /// <summary>One sentence, without the ring's name.</summary>
    /// <param name="fault">The fault.</param>
    /// <param name="detail">The offending number.</param>
    /// <param name="size">The ring's size in entries.</param>
    public static string Describe(DriverRingFault fault, ulong detail, int size) => fault switch
    {
        DriverRingFault.None => "no fault",
        DriverRingFault.UsedIndexTooFarAhead => $"used index {detail} ahead in a ring of {size}, more than was made available",
        DriverRingFault.UsedIdOutOfRange => $"used id {detail} in a ring of {size}",
        DriverRingFault.UsedIdNotOutstanding => $"used id {detail}, which is not outstanding",
        DriverRingFault.UsedLengthTooLong => $"a used length of {detail} bytes, more than was posted",
        DriverRingFault.UsedOutOfOrder => $"used id {detail} before its turn, though buffers are used in order",
        DriverRingFault.ShorterThanHeader => $"a received frame of {detail} bytes, shorter than the network header",
        DriverRingFault.BadBufferCount => $"a received frame that claims to span {detail} buffers",
        _ => fault.ToString(),
    };
}
