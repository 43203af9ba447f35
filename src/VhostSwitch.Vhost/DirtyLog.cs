using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost;

/// <summary>
/// The log of a live migration: one bit for each 4 KiB of guest memory that was written (vhost-user, "Migration"). The
/// front-end takes and clears bits while they are being set.
/// </summary>
public sealed unsafe class DirtyLog : IDisposable
{
    /// <summary>How many bytes of guest memory one bit stands for, as a shift.</summary>
    public const int PageShift = 12;

    private const int BitsOfWord = 64;

    private readonly MemoryMapping _mapping;

    private DirtyLog(MemoryMapping mapping, ulong offset, ulong length)
    {
        _mapping = mapping;
        Words = (ulong*)(mapping.Address + offset);
        Pages = length * 8;
    }

    /// <summary>The bits.</summary>
    internal ulong* Words { get; }

    /// <summary>How many pages have a bit; what lies beyond is not logged.</summary>
    internal ulong Pages { get; }

    /// <summary>True once its file was truncated while it was in use.</summary>
    public bool Faulted => _mapping.Faulted;

    /// <summary>Maps a log.</summary>
    /// <param name="file">Its file; stays the caller's.</param>
    /// <param name="offset">Where the bits begin in the file, in bytes.</param>
    /// <param name="length">How many bytes of bits there are.</param>
    /// <exception cref="VhostException">The log is impossible, its file is too short or cannot be mapped.</exception>
    public static DirtyLog Map(FileDescriptor file, ulong offset, ulong length)
    {
        ulong end = unchecked(offset + length);
        // The sum may wrap around (CVE-2020-10722).
        if (length == 0 || end < length || end > long.MaxValue) throw new VhostException($"SET_LOG_BASE with {length} bytes at file offset {offset}: impossible");
        if (offset % sizeof(ulong) != 0) throw new VhostException($"SET_LOG_BASE at file offset {offset}: a multiple of {sizeof(ulong)} is needed, bits are set by the word");
        long fileSize = file.FileSize();
        if (fileSize < 0 || (ulong)fileSize < end) throw new VhostException($"SET_LOG_BASE up to byte {end} of a file that has {fileSize}");
        try
        {
            return new DirtyLog(MemoryMapping.OfPeerFile(file, (nuint)end), offset, length);
        }
        catch (LinuxException e)
        {
            throw new VhostException($"the dirty log cannot be mapped: {e.Message}");
        }
    }

    /// <summary>Sets the bits of a word that are not set yet.</summary>
    /// <param name="word">Which word, by guest page / 64.</param>
    /// <param name="bits">The bits.</param>
    internal void Set(ulong word, ulong bits)
    {
        ulong pages = word * BitsOfWord;
        if (pages >= Pages) return;
        // A word that the log holds in part only: its other bits are not ours.
        if (Pages - pages < BitsOfWord) bits &= (1UL << (int)(Pages - pages)) - 1;
        Interlocked.Or(ref Words[word], bits);
    }

    /// <inheritdoc/>
    public void Dispose() => _mapping.Dispose();
}

/// <summary>
/// What one queue has written, on its way into the log: the words it touched since the last burst, so that the log is written
/// once for each and not once for each frame. Belongs to one poll thread.
/// </summary>
public unsafe struct DirtyLogWriter : IWriteLog
{
    private const int MaxWords = 32;

    private readonly DirtyLog _log;
    private readonly GuestMemory _memory;
    private readonly byte* _usedStart;
    private readonly ulong _usedLength;
    private readonly ulong _usedLogAddress;
    private fixed ulong _words[MaxWords];
    private fixed ulong _bits[MaxWords];
    private int _count;

    /// <summary>Writes to a log.</summary>
    /// <param name="log">The log.</param>
    /// <param name="device">The device, by whose memory addresses of this process become the guest's again.</param>
    /// <param name="ring">The queue's ring, which runs.</param>
    internal DirtyLogWriter(DirtyLog log, Device device, Vring ring)
    {
        _log = log;
        _memory = device.Memory.Guest;
        ulong? usedLog = ring.Addresses!.Value.UsedLog;
        // Of a packed ring it is the descriptors that are used, for which front-ends give the address of the event area; and
        // behind an IOMMU they give an address of that. Both are logged by where they are, and so is every buffer.
        if (usedLog is not null && (device.IsPacked || device.HasIommu)) return;
        _usedStart = ring.Parts.Used;
        _usedLength = ring.Parts.UsedLength;
        _usedLogAddress = usedLog ?? NotLogged;
    }

    private const ulong NotLogged = ulong.MaxValue;

    /// <inheritdoc/>
    public void Written(byte* at, ulong length)
    {
        if (length == 0) return;
        ulong address;
        if ((ulong)(at - _usedStart) < _usedLength)
        {
            // Not asked for (vhost-user, VHOST_VRING_F_LOG).
            if (_usedLogAddress == NotLogged) return;
            address = unchecked(_usedLogAddress + (ulong)(at - _usedStart));
        }
        else if (!_memory.TryFindGuestAddress(at, out address)) return;
        ulong last = unchecked(address + length - 1) >> DirtyLog.PageShift;
        for (ulong page = address >> DirtyLog.PageShift; page <= last; page++)
            Note(page / 64, 1UL << (int)(page % 64));
    }

    /// <inheritdoc/>
    public readonly void Stored()
    {
    }

    /// <inheritdoc/>
    public void Flush()
    {
        for (int i = 0; i < _count; i++)
            _log.Set(_words[i], _bits[i]);
        _count = 0;
    }

    private void Note(ulong word, ulong bit)
    {
        for (int i = _count - 1; i >= 0; i--)
        {
            if (_words[i] != word) continue;
            _bits[i] |= bit;
            return;
        }
        if (_count == MaxWords) Flush();
        _words[_count] = word;
        _bits[_count++] = bit;
    }
}
