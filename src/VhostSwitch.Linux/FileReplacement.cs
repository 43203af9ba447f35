using System.Text;

namespace VhostSwitch.Linux;

/// <summary>
/// New content for a file, which takes the place of the old one in one step: whoever reads the file, even after the machine lost its power in
/// between, finds the one or the other whole. The content is on the disk before that step, so what can fail has failed by then.
/// </summary>
public sealed unsafe class FileReplacement : IDisposable
{
    private const string Suffix = ".new";

    private readonly string _path;
    private readonly string _newPath;
    private bool _isDone;

    private FileReplacement(string path)
    {
        _path = path;
        _newPath = path + Suffix;
    }

    /// <summary>Writes the new content beside the file, with the file's permissions and owner where there is a file.</summary>
    /// <param name="path">The file. A symbolic link stays one: what it leads to is replaced.</param>
    /// <param name="content">The new content.</param>
    /// <exception cref="LinuxException">The content cannot be kept as it should be.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static FileReplacement Prepare(string path, ReadOnlySpan<byte> content)
    {
        bool isLink = new FileInfo(path).LinkTarget is not null;
        var replacement = new FileReplacement(isLink ? File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName : Path.GetFullPath(path));
        try
        {
            replacement.Write(content);
            return replacement;
        }
        catch
        {
            replacement.Dispose();
            throw;
        }
    }

    /// <summary>Takes the step.</summary>
    /// <exception cref="LinuxException">The step is taken, but may be lost with the machine's power.</exception>
    /// <exception cref="IOException">It cannot be taken: the file is as before.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Commit()
    {
        File.Move(_newPath, _path, overwrite: true);
        _isDone = true;
        string folder = Path.GetDirectoryName(_path)!;
        using var descriptor = new FileDescriptor(Libc.open(folder, Libc.O_RDONLY | Libc.O_CLOEXEC));
        if (descriptor.IsInvalid) throw LinuxException.Last($"open {folder}");
        if (Libc.fsync(descriptor.Number) != 0) throw LinuxException.Last($"fsync {folder}");
    }

    /// <summary>Removes the new content where it has not become the file's.</summary>
    public void Dispose()
    {
        if (!_isDone) File.Delete(_newPath);
        _isDone = true;
    }

    private void Write(ReadOnlySpan<byte> content)
    {
        // What a process that was killed here has left is of no use.
        File.Delete(_newPath);
        bool isThere = TryFind(out uint owner, out uint group);
        using var file = new FileStream(_newPath, FileMode.CreateNew, FileAccess.Write);
        if (isThere)
        {
            int number = (int)file.SafeFileHandle.DangerousGetHandle();
            // Before the permissions: giving a file away takes some of them.
            if (Libc.fchown(number, owner, group) != 0) throw LinuxException.Last($"give {_newPath} the owner of {_path}");
            File.SetUnixFileMode(file.SafeFileHandle, File.GetUnixFileMode(_path));
        }
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    private bool TryFind(out uint owner, out uint group)
    {
        const int AtFdCwd = -100, StatxSize = 256, OwnerOffset = 20, GroupOffset = 24;
        const uint StatxOwnerAndGroup = 0x8 | 0x10;
        byte* buffer = stackalloc byte[StatxSize];
        bool isThere;
        fixed (byte* name = Encoding.UTF8.GetBytes(_path + '\0'))
            isThere = Libc.statx(AtFdCwd, name, 0, StatxOwnerAndGroup, buffer) == 0;
        (owner, group) = isThere ? (*(uint*)(buffer + OwnerOffset), *(uint*)(buffer + GroupOffset)) : (0, 0);
        return isThere;
    }
}
