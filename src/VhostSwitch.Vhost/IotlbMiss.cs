using System.Diagnostics;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost;

/// <summary>Where one queue notes the address it cannot translate. The poll thread writes it; the control thread asks and clears it.</summary>
internal sealed class IotlbMiss(int notes)
{
    // A page address with the access wanted in its low bits; 0 for none.
    private ulong _note;
    private ulong _asked;
    private long _askedAt;

    /// <summary>The address that is waited for; null where there is none.</summary>
    internal ulong? Address => Volatile.Read(ref _note) is not 0 and var note ? Iotlb.PageOf(note) : null;

    /// <summary>Notes an address, and wakes the control thread unless it knows already. Poll thread.</summary>
    internal void Note(ulong address, IotlbAccess access)
    {
        ulong note = Iotlb.PageOf(address) | (ulong)access;
        if (Volatile.Read(ref _note) == note) return;
        Volatile.Write(ref _note, note);
        EventFd.Signal(notes);
    }

    /// <summary>Asks the front-end once, and again when it does not answer. Control thread.</summary>
    internal void Ask(Func<ulong, IotlbAccess, bool> ask, TimeSpan patience)
    {
        ulong note = Volatile.Read(ref _note);
        if (note == 0 || (note == _asked && Stopwatch.GetElapsedTime(_askedAt) < patience)) return;
        if (!ask(Iotlb.PageOf(note), (IotlbAccess)(note & 3))) return;
        _asked = note;
        _askedAt = Stopwatch.GetTimestamp();
    }

    /// <summary>Clears the note when it was about these addresses. Control thread.</summary>
    internal void Answered(ulong address, ulong length)
    {
        ulong note = Volatile.Read(ref _note);
        if (note == 0 || Iotlb.PageOf(note) + 4095 < address || (Iotlb.PageOf(note) > address && Iotlb.PageOf(note) - address >= length)) return;
        // A poll thread that has noted another address meanwhile keeps it.
        Interlocked.CompareExchange(ref _note, 0, note);
        _asked = 0;
    }
}
