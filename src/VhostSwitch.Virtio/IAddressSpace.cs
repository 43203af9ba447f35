namespace VhostSwitch.Virtio;

/// <summary>
/// How the addresses in descriptors become addresses in this process: through the guest's memory alone
/// (<see cref="RegionCache"/>), or through an IOMMU as well. A type argument of the data path. Belongs to one poll thread.
/// </summary>
public unsafe interface IAddressSpace
{
    /// <summary>True where a translation may have to be asked for first, so that it pays to ask before it is needed.</summary>
    static abstract bool Asks { get; }

    /// <summary>Translates a range that lies in one piece.</summary>
    /// <param name="address">Where the range starts.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="write">True where the device will write there.</param>
    /// <returns>The address in this process; null when the range is not one piece (it may still be several).</returns>
    byte* Translate(ulong address, uint length, bool write);

    /// <summary>Translates as much of a range as lies in one piece.</summary>
    /// <param name="address">Where the range starts.</param>
    /// <param name="length">How many bytes are wanted.</param>
    /// <param name="write">True where the device will write there.</param>
    /// <param name="contiguous">How many of them follow each other at the returned address; at most <paramref name="length"/>.</param>
    /// <returns>The address in this process; null, with 0 bytes, when there is nothing, or nothing known yet (<see cref="TakeMiss"/>).</returns>
    byte* TranslateSome(ulong address, ulong length, bool write, out ulong contiguous);

    /// <summary>True, once, when the last translation failed only because the answer is not here yet: the chain is to be tried again later.</summary>
    bool TakeMiss();
}

/// <summary>What all address spaces have in common.</summary>
public static unsafe class AddressSpaces
{
    /// <summary>Copies out of an address space, across pieces.</summary>
    /// <typeparam name="TSpace">The address space's kind.</typeparam>
    /// <param name="space">The address space.</param>
    /// <param name="address">Where to start.</param>
    /// <param name="into">Receives the bytes.</param>
    /// <returns>False when a byte of the range cannot be read; the contents of <paramref name="into"/> are then undefined.</returns>
    public static bool Read<TSpace>(ref TSpace space, ulong address, Span<byte> into)
        where TSpace : struct, IAddressSpace
    {
        // The end of the address space does not adjoin its start.
        if (into.Length > 0 && ulong.MaxValue - address < (ulong)into.Length - 1) return false;
        while (into.Length > 0)
        {
            byte* from = space.TranslateSome(address, (ulong)into.Length, write: false, out ulong contiguous);
            if (from == null) return false;
            new ReadOnlySpan<byte>(from, (int)contiguous).CopyTo(into);
            into = into[(int)contiguous..];
            address += contiguous;
        }
        return true;
    }
}
