using VhostSwitch.Linux;

namespace VhostSwitch.Ports;

/// <summary>
/// The switch's own memory for frames that no guest holds: what arrives from an interface lies here until it is copied on. Huge pages
/// where the user wants them and there are any, normal pages otherwise.
/// </summary>
/// <param name="hugePageSize">The length of a huge page in bytes; 0 for normal pages.</param>
public sealed class FrameMemory(nuint hugePageSize)
{
    // A mapping of less than half a huge page would waste more than it gains.
    private const int LeastShareOfPage = 2;

    /// <summary>The bytes taken so far from huge pages.</summary>
    public ulong HugeBytes { get; private set; }

    /// <summary>The bytes taken so far from normal pages.</summary>
    public ulong NormalBytes { get; private set; }

    /// <summary>Maps zeroed memory; whoever asked disposes it.</summary>
    /// <param name="length">The number of bytes.</param>
    /// <exception cref="LinuxException">There is not enough memory.</exception>
    public MemoryMapping Take(nuint length)
    {
        if (hugePageSize != 0 && length >= hugePageSize / LeastShareOfPage)
        {
            try
            {
                var huge = MemoryMapping.Anonymous(length, hugePageSize);
                HugeBytes += huge.Length;
                return huge;
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOMEM)
            {
                // No huge page is free: normal ones do, and NormalBytes says so.
            }
        }
        var mapping = MemoryMapping.Anonymous(length, 0);
        NormalBytes += mapping.Length;
        return mapping;
    }
}
