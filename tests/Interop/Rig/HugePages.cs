namespace VhostSwitch.Interop.Rig;

/// <summary>What the machine has in huge pages of 2 MiB. No test depends on them.</summary>
internal static class HugePages
{
    private const string FreePages = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    private const int MiBPerPage = 2;

    /// <summary>The folder where pages of 2 MiB are mounted, if that many MiB are free there.</summary>
    public static string? FolderWith(int mebibytes)
    {
        if (!File.Exists(FreePages) || int.Parse(File.ReadAllText(FreePages)) * MiBPerPage < mebibytes)
            return null;
        // device folder type options ...; without "pagesize=" a mount has the default size, which is 2 MiB on x86-64.
        return File.ReadLines("/proc/mounts")
            .Select(line => line.Split(' '))
            .Where(mount => mount[2] == "hugetlbfs" && (mount[3].Contains("pagesize=2M") || !mount[3].Contains("pagesize=")))
            .Select(mount => mount[1])
            .FirstOrDefault();
    }
}
