using System.Globalization;
using VhostSwitch.Linux;
using VhostSwitch.Ports;

namespace VhostSwitch.Control.CommandLine;

/// <summary>
/// What becomes of <c>--socket-mem</c>, <c>-m</c>, <c>--huge-dir</c> and <c>--no-huge</c>. Frames of guests stay where they are, so there is
/// no packet pool that these options would fill: they say how much the ports of interfaces may take for their frames, and in what pages.
/// </summary>
public static class OwnMemory
{
    private const string Pools = "/sys/kernel/mm/hugepages";
    private const int DefaultPage = 2 << 20;

    /// <summary>The memory for frames as it was asked for.</summary>
    /// <param name="memory">What was asked for.</param>
    public static FrameMemory For(MemoryOptions memory) => new(HugePageSize(memory), memory.TotalMiB == 0 ? ulong.MaxValue : (ulong)memory.TotalMiB << 20);

    /// <summary>The lines the user should read; none where everything is as it was asked for.</summary>
    /// <param name="memory">What was asked for.</param>
    public static IEnumerable<string> Notices(MemoryOptions memory)
    {
        if (!memory.UseHugePages) yield break;
        if (memory.HugeDirectory is { } directory && MemoryMapping.HugePageSizeOf(directory) == 0)
            yield return $"--huge-dir {directory}: no hugetlbfs is mounted there, the switch uses the huge pages there are by default (to mount one: mount -t hugetlbfs nodev {directory} -o pagesize=2M)";
        if (memory.TotalMiB == 0) yield break;
        long free = FreeMiB();
        if (free < memory.TotalMiB)
            yield return $"{memory.TotalMiB} MiB of huge pages were asked for and {free} MiB are free: beyond them the switch uses normal pages (to reserve more: echo {memory.TotalMiB / 2} > {Pools}/hugepages-2048kB/nr_hugepages)";
    }

    // The length in bytes of the huge pages to use; 0 where none are wanted.
    private static nuint HugePageSize(MemoryOptions memory)
    {
        if (!memory.UseHugePages) return 0;
        nuint mounted = memory.HugeDirectory is { } directory ? MemoryMapping.HugePageSizeOf(directory) : 0;
        return mounted != 0 ? mounted : (nuint)DefaultPage;
    }

    private static long FreeMiB()
    {
        if (!Directory.Exists(Pools)) return 0;
        long kib = 0;
        foreach (string pool in Directory.GetDirectories(Pools))
        {
            // Named hugepages-<size>kB.
            long size = long.Parse(Path.GetFileName(pool)["hugepages-".Length..^"kB".Length], CultureInfo.InvariantCulture);
            kib += size * long.Parse(File.ReadAllText(Path.Combine(pool, "free_hugepages")), CultureInfo.InvariantCulture);
        }
        return kib / 1024;
    }
}
