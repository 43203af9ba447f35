using System.Globalization;
using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Program;

/// <summary>
/// What becomes of <c>--socket-mem</c>, <c>-m</c> and <c>--huge-dir</c>. Frames are copied from guest to guest, so there is no packet
/// pool that these options would size: the switch says what there is, and starts.
/// </summary>
internal static class OwnMemory
{
    private const string Pools = "/sys/kernel/mm/hugepages";

    /// <summary>The lines the user should read; none where nothing was asked for.</summary>
    /// <param name="memory">What was asked for.</param>
    public static IEnumerable<string> Notices(MemoryOptions memory)
    {
        if (memory.HugeDirectory is { } directory && memory.UseHugePages && !IsHugetlbfs(directory))
            yield return $"--huge-dir {directory}: no hugetlbfs is mounted there, the switch uses normal pages (to mount one: mount -t hugetlbfs nodev {directory} -o pagesize=2M)";
        if (memory.TotalMiB == 0) yield break;
        long free = FreeMiB();
        yield return memory.UseHugePages && free < memory.TotalMiB
            ? $"{memory.TotalMiB} MiB of huge pages were asked for and {free} MiB are free: the switch uses normal pages (to reserve some: echo {memory.TotalMiB / 2} > {Pools}/hugepages-2048kB/nr_hugepages)"
            : $"{memory.TotalMiB} MiB were asked for: without a packet pool the switch needs a few MiB, which it takes from normal pages";
    }

    /// <summary>The length in bytes of the huge pages to use; 0 where there are none, or none are wanted.</summary>
    /// <param name="memory">What was asked for.</param>
    public static nuint HugePageSize(MemoryOptions memory)
    {
        const int Default = 2 << 20;
        return memory.UseHugePages && FreeMiB() > 0 ? Default : 0u;
    }

    private static bool IsHugetlbfs(string directory)
    {
        const int MountPoint = 1, Type = 2;
        string path = Path.GetFullPath(directory).TrimEnd('/');
        return File.ReadLines("/proc/mounts").Select(line => line.Split(' ')).Any(mount => mount[MountPoint] == path && mount[Type] == "hugetlbfs");
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
