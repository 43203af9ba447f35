using VhostSwitch.Linux;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>The file that a switch without a database keeps its configuration in. Not for several threads at once.</summary>
public sealed class ConfigFile
{
    // What was read or written last, to notice what others write; null where there was no file.
    private byte[]? _content;

    private ConfigFile(string path) => Path = path;

    /// <summary>The file's full path.</summary>
    public string Path { get; }

    /// <summary>True where there was no file when it was read.</summary>
    public bool IsNew => _content is null;

    /// <summary>What the file says.</summary>
    internal ConfigRecord Root { get; private set; } = ConfigRecord.Empty;

    /// <summary>Opens a file. One that is not there yet is a switch without bridges; the first change makes it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ConfigException">It cannot be read, or something in it is wrong.</exception>
    public static ConfigFile Open(string path)
    {
        var file = new ConfigFile(System.IO.Path.GetFullPath(path));
        string folder = System.IO.Path.GetDirectoryName(file.Path) ?? file.Path;
        if (!Directory.Exists(folder)) throw new ConfigException($"{file.Path}: there is no folder {folder}");
        (file.Root, file._content) = file.Read();
        return file;
    }

    /// <summary>Reads the file again, and changes nothing yet.</summary>
    /// <exception cref="ConfigException">It cannot be read, or something in it is wrong.</exception>
    internal Reading Reload()
    {
        var (root, content) = Read();
        return content is null ? throw new ConfigException($"{Path}: there is no such file any more") : new Reading(this, root, content, null);
    }

    /// <summary>Writes another configuration beside the file, so that nothing can fail later but the exchange.</summary>
    /// <param name="root">The configuration.</param>
    /// <exception cref="ConfigException">It cannot be written, or somebody else has written the file since it was read.</exception>
    internal Reading Prepare(ConfigRecord root)
    {
        try
        {
            byte[]? now = File.Exists(Path) ? File.ReadAllBytes(Path) : null;
            if (!(now is null ? _content is null : now.AsSpan().SequenceEqual(_content)))
            {
                throw new ConfigException($"{Path} was changed by somebody else since it was read, and would be overwritten: "
                    + "'vhost-switch ctl reload' takes it over first");
            }
            byte[] content = ConfigWriter.Write(root);
            return new Reading(this, root, content, FileReplacement.Prepare(Path, content));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or LinuxException)
        {
            throw Unwritable(e);
        }
    }

    private (ConfigRecord Root, byte[]? Content) Read()
    {
        try
        {
            if (!File.Exists(Path))
            {
                if (Directory.Exists(Path)) throw new ConfigException($"{Path}: this is a folder, and a file is needed");
                return (ConfigRecord.Empty, null);
            }
            byte[] content = File.ReadAllBytes(Path);
            return (ConfigReader.Read(content, Path), content);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{Path}: it cannot be read: {e.Message}", e);
        }
    }

    private ConfigException Unwritable(Exception e) =>
        new($"the configuration cannot be kept, so nothing is changed: {Path}: {e.Message}", e);

    /// <summary>A configuration that is to be the file's.</summary>
    internal sealed class Reading(ConfigFile file, ConfigRecord root, byte[] content, FileReplacement? replacement) : IDisposable
    {
        /// <summary>The configuration.</summary>
        public ConfigRecord Root => root;

        /// <summary>Makes it the file's.</summary>
        /// <exception cref="ConfigException">It cannot be: the file is as before.</exception>
        public void Commit()
        {
            try
            {
                replacement?.Commit();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or LinuxException)
            {
                throw file.Unwritable(e);
            }
            (file.Root, file._content) = (root, content);
        }

        /// <inheritdoc/>
        public void Dispose() => replacement?.Dispose();
    }
}
