using Microsoft.Win32.SafeHandles;
using VhostSwitch.Linux;

namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>
/// Writes frames to a file on a thread of its own, so that no poll thread waits for a disk. What cannot be written is kept and tried
/// again each second; the file has whole records only.
/// </summary>
internal sealed unsafe class CaptureWriter : IDisposable
{
    // Of 64-byte frames it holds 130,000, a hundredth of a second at full rate; of full ones 10,000. A disk may stall that long.
    private const uint RingCapacity = 1 << 24;

    // Holds a few of the longest records; longer writes are not faster.
    private const int BufferLength = 1 << 18;

    // More than the longest frame with a tag.
    private const int MostStored = 1 << 17;

    // After a burst the next one is a moment away: a pause lets frames gather, and a sender need not wake this thread for each burst.
    private const int PauseMs = 1;

    // Also how soon a file is written again after an error.
    private const int SleepMs = 1000;

    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly SafeFileHandle _file;
    private readonly CaptureFormat _format;
    private readonly Thread _thread;
    private readonly Epoll _epoll = new();

    // The writing thread's, once it runs.
    private readonly byte[] _buffer = new byte[BufferLength];
    private int _filled;
    private int _framesInBuffer;
    private long _position;

    private ulong _written;
    private string? _trouble;
    private bool _stopping;

    /// <summary>Makes the file with its header and starts the thread.</summary>
    /// <param name="path">The file; what it held is lost.</param>
    /// <param name="format">Its format.</param>
    /// <param name="snapLength">The most bytes of a frame that it will have.</param>
    /// <param name="memory">Where the memory for frames on their way to the file comes from.</param>
    /// <exception cref="PortException">The file cannot be made.</exception>
    public CaptureWriter(string path, CaptureFormat format, uint snapLength, FrameMemory memory)
    {
        Path = path;
        _format = format;
        try
        {
            _file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            Ring = new FrameRing(memory, RingCapacity);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or LinuxException)
        {
            _file?.Dispose();
            throw new PortException($"{path} cannot be written: {e.Message}");
        }
        _epoll.Add(Ring.WakeDescriptor, 0);
        _filled = format.WriteHeader(_buffer, snapLength);
        // A full disk is known from the start, before the first frame.
        TryFlush();
        _thread = new Thread(Run) { Name = "capture", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>Frames for the file. This object takes them.</summary>
    public FrameRing Ring { get; }

    /// <summary>How many frames are in the file.</summary>
    public ulong Written => Volatile.Read(ref _written);

    /// <summary>How many frames were given up at the end, since the file could not be written. Valid once disposed.</summary>
    public ulong Lost { get; private set; }

    /// <summary>Why the file cannot be written now; null while it can.</summary>
    public string? Trouble => Volatile.Read(ref _trouble);

    /// <summary>Writes what is left and closes the file. Nobody may add frames any more.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _stopping, true);
        Ring.Wake();
        // A disk that does not answer keeps its thread, and the thread its memory.
        if (!_thread.Join(StopLimit)) return;
        _file.Dispose();
        _epoll.Dispose();
        Ring.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            // Asked before the ring is emptied: what was added before the end is written.
            bool stopping = Volatile.Read(ref _stopping);
            bool found = Gather();
            if (!TryFlush() && !stopping) Wait(SleepMs);
            else if (stopping) break;
            else if (found) Wait(PauseMs);
            else SleepUntilWoken();
        }
        Lost = (ulong)_framesInBuffer;
        for (; Ring.TryTake() != null; Lost++)
            Ring.Release();
    }

    // Takes frames into the buffer, and writes it whenever it is full, until there are none or the file takes none.
    private bool Gather()
    {
        bool found = false;
        while (BufferLength - _filled >= _format.RecordLength(MostStored) || TryFlush())
        {
            var record = Ring.TryTake();
            if (record == null) break;
            found = true;
            var stored = new ReadOnlySpan<byte>(FrameRecord.Data(record), (int)record->Stored);
            _format.WriteRecord(_buffer.AsSpan(_filled), record->TimestampNs, record->Length, stored);
            _filled += _format.RecordLength(stored.Length);
            _framesInBuffer++;
            Ring.Release();
        }
        return found;
    }

    private bool TryFlush()
    {
        if (_filled == 0) return true;
        try
        {
            RandomAccess.Write(_file, _buffer.AsSpan(0, _filled), _position);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            CutToWholeRecords();
            Volatile.Write(ref _trouble, e.Message);
            return false;
        }
        _position += _filled;
        _filled = 0;
        Volatile.Write(ref _written, _written + (ulong)_framesInBuffer);
        _framesInBuffer = 0;
        Volatile.Write(ref _trouble, null);
        return true;
    }

    // A write that fails may have written a part.
    private void CutToWholeRecords()
    {
        try
        {
            RandomAccess.SetLength(_file, _position);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            // A device has no length; and a part that cannot be cut off is overwritten by the next attempt.
        }
    }

    private void SleepUntilWoken()
    {
        Ring.AskForWake();
        Interlocked.MemoryBarrier();
        if (!Ring.HasFrames() && !Volatile.Read(ref _stopping)) Wait(SleepMs);
        Ring.StopAsking();
    }

    private void Wait(int limitMs)
    {
        Span<ulong> tokens = stackalloc ulong[1];
        if (_epoll.Wait(tokens, limitMs) > 0) EventFd.Drain(Ring.WakeDescriptor);
    }
}
