namespace VhostSwitch.Interop.Rig;

/// <summary>What the machine has in huge pages. Only tests of huge pages themselves depend on them.</summary>
internal static class HugePages
{
    private const int MiBPerPage = 2;
    private const int MiBPerGiganticPage = 1024;

    /// <summary>How many MiB are free in pages of 2 MiB.</summary>
    public static int FreeMiB => Free(MiBPerPage);

    /// <summary>How many MiB are free in pages of 1 GiB. A machine that has been up for long may be unable to provide one.</summary>
    public static int FreeGiganticMiB => Free(MiBPerGiganticPage);

    /// <summary>The folder where pages of 2 MiB are mounted, if that many MiB are free there.</summary>
    public static string? FolderWith(int mebibytes)
    {
        if (FreeMiB < mebibytes)
            return null;
        // device folder type options ...; without "pagesize=" a mount has the default size, which is 2 MiB on x86-64.
        return File.ReadLines("/proc/mounts")
            .Select(line => line.Split(' '))
            .Where(mount => mount[2] == "hugetlbfs" && (mount[3].Contains("pagesize=2M") || !mount[3].Contains("pagesize=")))
            .Select(mount => mount[1])
            .FirstOrDefault();
    }

    private static int Free(int mebibytesPerPage)
    {
        string pages = $"/sys/kernel/mm/hugepages/hugepages-{mebibytesPerPage * 1024}kB/free_hugepages";
        return File.Exists(pages) ? int.Parse(File.ReadAllText(pages)) * mebibytesPerPage : 0;
    }
}
