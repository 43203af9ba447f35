using VhostSwitch.Linux;

namespace VhostSwitch.Ports;

/// <summary>
/// The switch's own memory for frames that no guest holds: what arrives from an interface lies here until it is copied on. Huge pages
/// where the user wants them and there are any, normal pages otherwise; no more than the user allows.
/// </summary>
/// <param name="hugePageSize">The length of a huge page in bytes; 0 for normal pages.</param>
/// <param name="limit">The most bytes to take in all.</param>
public sealed class FrameMemory(nuint hugePageSize, ulong limit = ulong.MaxValue)
{
    // A mapping of less than half a huge page would waste more than it gains.
    private const int LeastShareOfPage = 2;

    private const int MiB = 1 << 20;

    private readonly List<(MemoryMapping Mapping, bool Huge)> _taken = [];

    /// <summary>The bytes that are taken from huge pages.</summary>
    public ulong HugeBytes => Sum(huge: true);

    /// <summary>The bytes that are taken from normal pages.</summary>
    public ulong NormalBytes => Sum(huge: false);

    /// <summary>What was obtained, for people.</summary>
    public string Describe()
    {
        string most = limit == ulong.MaxValue ? "" : $", of {limit / MiB} MiB allowed";
        return $"own memory: {HugeBytes / (double)MiB:0.#} MiB in huge pages, {NormalBytes / (double)MiB:0.#} MiB in normal pages{most}";
    }

    /// <summary>Maps zeroed memory; whoever asked disposes it.</summary>
    /// <param name="length">The number of bytes.</param>
    /// <exception cref="PortException">It is more than the user allows.</exception>
    /// <exception cref="LinuxException">There is not enough memory.</exception>
    public MemoryMapping Take(nuint length) => Take(length, page => MemoryMapping.Anonymous(length, page), mapping => mapping);

    /// <summary>Makes and maps a zeroed memory file that can be handed to another process; whoever asked disposes both.</summary>
    /// <param name="name">Its name for <c>/proc/self/maps</c>.</param>
    /// <param name="length">The number of bytes.</param>
    /// <exception cref="PortException">It is more than the user allows.</exception>
    /// <exception cref="LinuxException">There is not enough memory.</exception>
    public (FileDescriptor File, MemoryMapping Mapping) TakeShared(string name, nuint length) =>
        Take(length, page => MakeShared(name, length, page), shared => shared.Mapping);

    private static (FileDescriptor File, MemoryMapping Mapping) MakeShared(string name, nuint length, nuint hugePage)
    {
        nuint unit = hugePage != 0 ? hugePage : (nuint)Environment.SystemPageSize;
        var file = SharedMemory.Create(name, (length + unit - 1) / unit * unit, hugePage);
        try
        {
            return (file, MemoryMapping.OfFile(file, length));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private T Take<T>(nuint length, Func<nuint, T> make, Func<T, MemoryMapping> mappingOf)
    {
        if (length > limit - HugeBytes - NormalBytes)
        {
            throw new PortException(
                $"{(length + MiB - 1) / MiB} MiB more are needed for frames, and of the {limit / MiB} MiB that -m or --socket-mem allow "
                + $"{(HugeBytes + NormalBytes) / MiB} MiB are taken: allow more, or fewer and shorter queues");
        }
        if (hugePageSize != 0 && length >= hugePageSize / LeastShareOfPage)
        {
            try
            {
                var huge = make(hugePageSize);
                _taken.Add((mappingOf(huge), true));
                return huge;
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOMEM)
            {
                // No huge page is free: normal ones do, and Describe says so.
            }
        }
        var normal = make(0);
        _taken.Add((mappingOf(normal), false));
        return normal;
    }

    // What was disposed is free again.
    private unsafe ulong Sum(bool huge)
    {
        _taken.RemoveAll(t => t.Mapping.Address == null);
        return _taken.Where(t => t.Huge == huge).Aggregate(0UL, (sum, t) => sum + t.Mapping.Length);
    }
}
