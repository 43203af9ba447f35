namespace VhostSwitch.Virtio;

/// <summary>How a peer broke the rules of a ring. A ring with a fault stays broken until it is set up anew; everything else goes on.</summary>
public enum RingFault
{
    /// <summary>No fault.</summary>
    None,

    /// <summary>The available index is further ahead than the ring has entries (VIRTIO 1.2, 2.7.6).</summary>
    IndexTooFarAhead,

    /// <summary>A descriptor index is not below the ring's size (2.7.5).</summary>
    DescriptorOutOfRange,

    /// <summary>A chain has more descriptors than the ring has entries: a loop (2.7.5.3.1).</summary>
    ChainTooLong,

    /// <summary>A buffer or an indirect table is not the guest's memory.</summary>
    AddressOutsideMemory,

    /// <summary>A readable descriptor follows a writable one, or the direction is wrong for this queue (2.7.4.2, 5.1.6).</summary>
    WrongDirection,

    /// <summary>An indirect table is empty, not a multiple of 16 bytes long, nested, or followed by another descriptor (2.7.5.3).</summary>
    BadIndirectTable,

    /// <summary>A chain's buffers together have more bytes than a 32-bit length can tell.</summary>
    ChainTooLarge,

    /// <summary>A chain is shorter than the header that every frame has (5.1.6; CVE-2022-2132).</summary>
    ShorterThanHeader,
}

/// <summary>How a ring's fault is told to people.</summary>
public static class RingFaults
{
    /// <summary>One sentence, without the ring's name.</summary>
    /// <param name="fault">The fault.</param>
    /// <param name="detail">The offending number.</param>
    /// <param name="size">The ring's size in entries.</param>
    public static string Describe(RingFault fault, ulong detail, int size) => fault switch
    {
        RingFault.None => "no fault",
        RingFault.IndexTooFarAhead => $"available index {detail} ahead of a ring of {size}",
        RingFault.DescriptorOutOfRange => $"descriptor index {detail} in a ring of {size}",
        RingFault.ChainTooLong => $"a descriptor chain of more than {detail} entries (a loop)",
        RingFault.AddressOutsideMemory => $"the buffer at 0x{detail:x} is outside the guest's memory",
        RingFault.WrongDirection => $"a descriptor of the wrong direction at index {detail}",
        RingFault.BadIndirectTable => $"a bad indirect descriptor table of {detail} bytes",
        RingFault.ChainTooLarge => $"a descriptor chain of {detail} bytes",
        RingFault.ShorterThanHeader => $"a buffer of {detail} bytes, shorter than the network header",
        _ => fault.ToString(),
    };
}
