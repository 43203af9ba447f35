namespace VhostSwitch.Linux.Tests;

public sealed class FileReplacementTests : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    private readonly string _folder = Directory.CreateTempSubdirectory("vs-").FullName;

    private string FilePath => Path.Combine(_folder, "f");

    [Fact]
    public void ANewFileIsMade()
    {
        using (var replacement = FileReplacement.Prepare(FilePath, "new"u8))
        {
            Assert.False(File.Exists(FilePath));
            replacement.Commit();
        }
        Assert.Equal("new", File.ReadAllText(FilePath));
        Assert.Equal([FilePath], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void TheOldContentIsThereUntilTheNewTakesItsPlace()
    {
        File.WriteAllText(FilePath, "old");
        File.SetUnixFileMode(FilePath, Private);
        // What a process left that was killed.
        File.WriteAllText($"{FilePath}.new", "half");
        using var reader = new StreamReader(FilePath);
        using var replacement = FileReplacement.Prepare(FilePath, "new"u8);
        Assert.Equal("old", File.ReadAllText(FilePath));
        replacement.Commit();
        Assert.Equal("new", File.ReadAllText(FilePath));
        Assert.Equal(Private, File.GetUnixFileMode(FilePath));
        // Whoever has the old file open goes on reading that.
        Assert.Equal("old", reader.ReadToEnd());
    }

    [Fact]
    public void WhatIsNotCommittedLeavesNothing()
    {
        File.WriteAllText(FilePath, "old");
        FileReplacement.Prepare(FilePath, "new"u8).Dispose();
        Assert.Equal("old", File.ReadAllText(FilePath));
        Assert.Equal([FilePath], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void ALinkStaysALink()
    {
        File.WriteAllText(FilePath, "old");
        string link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, "f");
        using (var replacement = FileReplacement.Prepare(link, "new"u8))
            replacement.Commit();
        Assert.Equal("f", new FileInfo(link).LinkTarget);
        Assert.Equal("new", File.ReadAllText(FilePath));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
