using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Net;

/// <summary>The address space of a device behind an IOMMU: what <see cref="Iotlb"/> knows, and a note of what it does not. Never waits.</summary>
internal unsafe struct IotlbSpace : IAddressSpace
{
    private readonly Iotlb _iotlb;
    private readonly IotlbMiss _miss;
    private bool _missed;

    /// <summary>Makes the address space of one queue.</summary>
    /// <param name="iotlb">The device's cache.</param>
    /// <param name="miss">Where to note what is missing.</param>
    internal IotlbSpace(Iotlb iotlb, IotlbMiss miss)
    {
        _iotlb = iotlb;
        _miss = miss;
        _missed = false;
    }

    /// <inheritdoc/>
    public static bool Asks => true;

    /// <inheritdoc/>
    public byte* Translate(ulong address, uint length, bool write)
    {
        byte* here = TranslateSome(address, length, write, out ulong contiguous);
        return contiguous == length ? here : null;
    }

    /// <inheritdoc/>
    public byte* TranslateSome(ulong address, ulong length, bool write, out ulong contiguous)
    {
        var wanted = write ? IotlbAccess.Write : IotlbAccess.Read;
        if (Iotlb.TryFind(_iotlb.Entries, address, out var entry) && (entry.Access & wanted) != 0)
        {
            ulong offset = address - entry.Start;
            contiguous = Math.Min(length, entry.Length - offset);
            return (byte*)entry.Host + offset;
        }
        _miss.Note(address, wanted);
        _missed = true;
        contiguous = 0;
        return null;
    }

    /// <inheritdoc/>
    public bool TakeMiss()
    {
        bool missed = _missed;
        _missed = false;
        return missed;
    }
}
