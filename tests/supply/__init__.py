"""What is shipped and what it rests on: known vulnerabilities, the bills of materials, what each library costs."""
